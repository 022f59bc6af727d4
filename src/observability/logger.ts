import pino from 'pino';

import type { WrittenMail } from '../apps/accounts/mail/folder-transport.ts';
import type { BugContext } from '../http/middleware/error-handler.ts';
import type { RequestLine } from '../http/request-trace.ts';
import { describeError } from './describe-error.ts';

export type ServiceLog = Readonly<{
  request: (line: RequestLine) => void;
  bug: (error: unknown, context: BugContext) => void;
  warn: (message: string, facts?: Record<string, unknown>) => void;
  /** A mail was written into MAIL_DIR. Its link is a secret: for a terminal, not for a log. */
  mail: (mail: WrittenMail) => void;
}>;

/** JSON lines on standard output. */
export function createLog(level: string): ServiceLog {
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  return {
    request: (line) => log.info(line, 'request'),
    bug: (error, context) => log.error({ ...context, error: describeError(error) }, 'bug'),
    warn: (message, facts = {}) => log.warn(facts, message),
    mail: ({ file }) => log.info({ file }, 'mail'),
  };
}
