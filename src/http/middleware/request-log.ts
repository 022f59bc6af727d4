import type { SchemaName, Tenant, TenantId } from '../../tenancy/tenant.ts';
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
}>;

const rounded = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;

/** One line a request, after it is answered. */
export function requestLog({
  write,
  schemaOf,
  laneOf,
}: {
  write: (line: RequestLine) => void;
  schemaOf: (tenant: TenantId) => SchemaName | null;
  laneOf: (tenant: TenantId) => string;
}): AppMiddleware {
  return async function requestLog(ctx, next) {
    const started = performance.now();
    const tenant = (): Tenant | undefined => ctx.state.tenant;
    const schema = (): SchemaName | null => {
      const { id } = tenant() ?? {};
      return id ? schemaOf(id) : null;
    };
    const use = createDatabaseUse({ schema, route: () => ctx.state.route });
    ctx.state.use = use;
    try {
      await next();
    } finally {
      const { id } = tenant() ?? {};
      write({
        requestId: ctx.state.requestId,
        method: ctx.method,
        route: ctx.state.route ?? null,
        path: ctx.path,
        status: ctx.status,
        duration: rounded(performance.now() - started),
        queries: use.queries(),
        databaseTime: rounded(use.milliseconds()),
        tenant: id ?? null,
        schema: schema(),
        lane: id ? laneOf(id) : null,
        user: ctx.state.caller?.userId ?? null,
        actor: ctx.state.caller?.actor ?? null,
      });
    }
  };
}
