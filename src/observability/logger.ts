import pino from 'pino';

import type { BugContext } from '../http/middleware/error-handler.ts';
import type { RequestLine } from '../http/request-trace.ts';
import { describeError } from './describe-error.ts';

export type ServiceLog = Readonly<{
  request: (line: RequestLine) => void;
  bug: (error: unknown, context: BugContext) => void;
  warn: (message: string, facts?: Record<string, unknown>) => void;
  /** Prints a notice for a developer. `lines` and `details` may hold secrets: for a terminal, not for a log. */
  notice: (
    message: string,
    facts: Record<string, unknown>,
    secret: Readonly<{ lines: readonly string[]; details: unknown }>,
  ) => void;
}>;

/** Creates a log that writes JSON lines to standard output. */
export function createLog(level: string): ServiceLog {
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  return {
    request: (line) => log.info(line, 'request'),
    bug: (error, context) => log.error({ ...context, error: describeError(error) }, 'bug'),
    warn: (message, facts = {}) => log.warn(facts, message),
    notice: (message, facts) => log.info(facts, message),
  };
}
