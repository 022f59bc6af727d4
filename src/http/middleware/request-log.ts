import type { Round } from '../../db/driver/entry.ts';
import type { ErrorCode } from '../../errors.ts';
import type { SchemaName, Tenant, TenantId } from '../../tenancy/registry/tenant.ts';
import { createDatabaseUse } from '../database-use.ts';
import type { AppMiddleware } from '../state.ts';

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

const rounded = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;

/** One line a request, after it is answered. */
export function requestLog({
  write,
  schemaOf,
  laneOf,
  startTrace,
}: {
  write: (line: RequestLine) => void;
  schemaOf: (tenant: TenantId) => SchemaName | null;
  laneOf: (tenant: TenantId) => string;
  startTrace: StartTrace | null;
}): AppMiddleware {
  return async function requestLog(ctx, next) {
    const started = performance.now();
    const tenant = (): Tenant | undefined => ctx.state.tenant;
    const schema = (): SchemaName | null => {
      const { id } = tenant() ?? {};
      return id ? schemaOf(id) : null;
    };
    const headers = { traceparent: ctx.get('traceparent'), tracestate: ctx.get('tracestate') };
    const trace = startTrace?.(headers) ?? null;
    const use = createDatabaseUse({ schema, route: () => ctx.state.route }, trace);
    ctx.state.use = use;
    try {
      await next();
    } finally {
      const { id } = tenant() ?? {};
      const line: RequestLine = {
        requestId: ctx.state.requestId,
        method: ctx.method,
        route: ctx.state.route ?? null,
        path: ctx.path,
        status: ctx.status,
        code: ctx.state.code ?? null,
        duration: rounded(performance.now() - started),
        queries: use.queries(),
        databaseTime: rounded(use.milliseconds()),
        tenant: id ?? null,
        schema: schema(),
        lane: id ? laneOf(id) : null,
        user: ctx.state.caller?.userId ?? null,
        actor: ctx.state.caller?.actor ?? null,
        ...(trace ? { traceId: trace.traceId } : {}),
      };
      trace?.end(line);
      write(line);
    }
  };
}
