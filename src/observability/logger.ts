import pino from 'pino';

import type { RequestLine } from '../http/request-trace.ts';

export type ServiceLog = Readonly<{
  request: (line: RequestLine) => void;
  bug: (error: unknown, requestId: string) => void;
  warn: (message: string, facts?: Record<string, unknown>) => void;
  /** Something that a developer wants to see. `lines` and `details` may hold secrets: for a terminal, not for a log. */
  notice: (
    message: string,
    facts: Record<string, unknown>,
    secret: Readonly<{ lines: readonly string[]; details: unknown }>,
  ) => void;
}>;

type Described = { name?: unknown; code?: unknown; stack?: string; cause?: unknown; severity?: unknown };

const comesFromDatabase = (error: unknown): boolean =>
  error instanceof Error && ('severity' in error || 'sql' in error || comesFromDatabase(error.cause));

/**
 * What a log may know of an error. Slonik and pg hang the SQL, the bound values
 * and the failing row on theirs, and PostgreSQL quotes values in its sentences:
 * of those only the kind, the SQLSTATE and the place are kept.
 */
function describe(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) {
    return { kind: typeof error };
  }
  const { name, code, stack = '', cause } = error as Described;
  const places = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return {
    name,
    code,
    ...(comesFromDatabase(error) ? {} : { message: error.message }),
    stack: places.join('\n'),
    ...(cause && depth < 3 ? { cause: describe(cause, depth + 1) } : {}),
  };
}

/** JSON lines on standard output. */
export function createLog(level: string): ServiceLog {
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  return {
    request: (line) => log.info(line, 'request'),
    bug: (error, requestId) => log.error({ requestId, error: describe(error) }, 'bug'),
    warn: (message, facts = {}) => log.warn(facts, message),
    notice: (message, facts) => log.info(facts, message),
  };
}
