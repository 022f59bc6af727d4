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

/** Maximum characters that wait for the end of the event loop's turn. */
const MAX_BUFFERED = 65_536;

/**
 * Creates a log that writes JSON lines to standard output. The lines of one turn of the event loop are
 * written together. Call `flush` before the process ends.
 */
export function createLog(level: string): ServiceLog & Readonly<{ flush: () => void }> {
  const output = pino.destination({ dest: 1, sync: true });
  let buffered = '';
  const flush = (): void => {
    const lines = buffered;
    buffered = '';
    if (lines !== '') {
      output.write(lines);
    }
  };
  const lines = {
    write: (line: string): void => {
      if (buffered === '') {
        setImmediate(flush);
      }
      buffered += line;
      if (buffered.length > MAX_BUFFERED) {
        flush();
      }
    },
  };
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, lines);
  const logsRequests = log.isLevelEnabled('info');
  return {
    flush,
    // As `log.info(line, 'request')`, whose loop over the members costs more: every request is logged.
    request: (line) => {
      if (logsRequests) {
        const members = JSON.stringify(line).slice(1, -1);
        lines.write(`{"level":30,"time":"${new Date().toISOString()}",${members},"msg":"request"}\n`);
      }
    },
    bug: (error, context) => log.error({ ...context, error: describeError(error) }, 'bug'),
    warn: (message, facts = {}) => log.warn(facts, message),
    notice: (message, facts) => log.info(facts, message),
  };
}
