import type { Round } from '../db/driver/entry.ts';
import type { ErrorCode } from '../errors.ts';

/** What the request log and the metrics record of one request. */
export type RequestLine = Readonly<{
  requestId: string;
  method: string;
  /** The pattern that the path matched. Null when it matched none. */
  route: string | null;
  /** The path without the query string, which may hold search terms of people. */
  path: string;
  status: number;
  /** The code of a rejected request (docs/errors.md). Also null for a bug. */
  code: ErrorCode | null;
  /** Milliseconds from the request to the end of the response. */
  duration: number;
  /** Number of statements, and the milliseconds of the database for them, the entry and the commit. */
  queries: number;
  databaseTime: number;
  tenant: string | null;
  /** The tenant's schema. Also null for a tenant that this process has not entered yet. */
  schema: string | null;
  /** The pool that served the tenant: `<database>/<lane>`. */
  lane: string | null;
  user: string | null;
  /** The operator who acted for the user. */
  actor: string | null;
  /** Set when requests are traced. */
  traceId?: string;
}>;

/** The OpenTelemetry span of one request. */
export type RequestTrace = Readonly<{
  traceId: string;
  /** The `traceparent` header for downstream calls: this request is the parent. */
  traceparent: string;
  onTransaction: () => (failed: boolean) => void;
  onRound: (round: Round) => void;
  end: (line: RequestLine) => void;
}>;

/** Starts a span. Continues the trace that the request's headers name. */
export type StartTrace = (headers: Readonly<Record<'traceparent' | 'tracestate', string>>) => RequestTrace;
