import { Readable } from 'node:stream';

import type { ResolvedTenant, SchemaName, TenantId } from '../../tenancy/registry/tenant.ts';
import { createDatabaseUse } from '../database-use.ts';
import type { RequestLine, StartTrace } from '../request-trace.ts';
import type { AppMiddleware } from '../state.ts';

/** Segments that are long enough to be a secret, such as those of mailed links. */
const SECRET_SEGMENT = /(?<=\/)[\w.~-]{40,}/g;

/** Returns a path for the log, without segments that may be secrets. */
const loggedPath = (path: string): string =>
  path.length > 40 ? path.replaceAll(SECRET_SEGMENT, '...') : path;

const rounded = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;

/** Logs one line for each request, after its response. */
export function requestLog({
  write,
  schemaOf,
  shardOf,
  startTrace,
}: {
  write: (line: RequestLine) => void;
  schemaOf: (tenant: TenantId) => SchemaName | null;
  shardOf: (tenant: TenantId) => string;
  startTrace: StartTrace | null;
}): AppMiddleware {
  return async function requestLog(ctx, next) {
    const started = performance.now();
    const tenant = (): ResolvedTenant | undefined => ctx.state.tenant;
    const schema = (): SchemaName | null => {
      const { id } = tenant() ?? {};
      return id ? schemaOf(id) : null;
    };
    const trace =
      startTrace?.({ traceparent: ctx.get('traceparent'), tracestate: ctx.get('tracestate') }) ?? null;
    const use = createDatabaseUse({ schema, route: () => ctx.state.route }, trace);
    ctx.state.use = use;
    const end = (): void => {
      const { id } = tenant() ?? {};
      const line: RequestLine = {
        requestId: ctx.state.requestId,
        method: ctx.method,
        route: ctx.state.route ?? null,
        path: loggedPath(ctx.path),
        status: ctx.status,
        code: ctx.state.code ?? null,
        duration: rounded(performance.now() - started),
        queries: use.queries(),
        databaseTime: rounded(use.milliseconds()),
        tenant: id ?? null,
        schema: schema(),
        lane: id ? shardOf(id) : null,
        user: ctx.state.caller?.userId ?? null,
        actor: ctx.state.caller?.actor ?? null,
        ...(trace ? { traceId: trace.traceId } : {}),
      };
      trace?.end(line);
      write(line);
    };
    try {
      await next();
    } finally {
      // A stream has begun only.
      if (ctx.body instanceof Readable) {
        ctx.body.once('close', end);
      } else {
        end();
      }
    }
  };
}
