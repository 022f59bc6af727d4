import type { Round } from '../db/driver/entry.ts';
import type { ErrorCode } from '../errors.ts';

/** What the request log and the metrics record of one request. */
export type RequestLine = Readonly<{
  requestId: string;
  method: string;
  /** The pattern that the path matched; null when it matched none. */
  route: string | null;
  /** Without the query string, which may hold what people search for. */
  path: string;
  status: number;
  /** Of what was refused (docs/errors.md); null for a bug, too. */
  code: ErrorCode | null;
  /** Milliseconds. */
  duration: number;
  /** Statements, and the milliseconds that the database took for them and for what stands around them. */
  queries: number;
  databaseTime: number;
  tenant: string | null;
  /** Null as well for a tenant that this process has not entered yet. */
  schema: string | null;
  /** Where the tenant is served: `<database>/<lane>`. */
  lane: string | null;
  user: string | null;
  /** The operator who acted for the user. */
  actor: string | null;
  /** Where requests are traced. */
  traceId?: string;
}>;

/** One request, as OpenTelemetry follows it. */
export type RequestTrace = Readonly<{
  traceId: string;
  /** For who comes after: this request is the parent. */
  traceparent: string;
  onTransaction: () => (failed: boolean) => void;
  onRound: (round: Round) => void;
  end: (line: RequestLine) => void;
}>;

/** Begins with what the request's headers say of a trace that it belongs to. */
export type StartTrace = (headers: Readonly<Record<'traceparent' | 'tracestate', string>>) => RequestTrace;
