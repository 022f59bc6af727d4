import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type Router from '@koa/router';
import Koa from 'koa';
import { createAuthentication } from '../../src/apps/accounts/sessions/create-authentication.ts';
import { keyGuard, userGuard } from '../../src/apps/accounts/sessions/guards.ts';
import { requireCaller } from '../../src/http/authentication.ts';
import { parseBody } from '../../src/http/body/parse-body.ts';
import { errorHandler } from '../../src/http/middleware/error-handler.ts';
import { findTenant } from '../../src/http/middleware/find-tenant.ts';
import { requestId } from '../../src/http/middleware/request-id.ts';
import { tenantTransaction } from '../../src/http/middleware/tenant-transaction.ts';
import { createRouter, resource } from '../../src/http/resource.ts';
import type { AppMiddleware, State } from '../../src/http/state.ts';
import { createDirectory } from '../../src/tenancy/context/directory.ts';
import { resolveHosts } from '../../src/tenancy/context/resolve-host.ts';
import { listRoutes } from '../fixture-app/list-routes.ts';
import { SECRETS, sendRaw, sendRequest, type TestService } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';
import { raw } from './attack.ts';
import { LIST_PATH } from './attacked-project.ts';

/** Dependencies of the app that a switch may replace. */
export type AppParts = Partial<
  Pick<Parameters<typeof createAuthentication>[0], 'keysOf' | 'isIssuedFor' | 'userGuard'>
> &
  Readonly<{
    /** Whether X-Forwarded-Host counts. */
    proxy?: boolean;
    /** Whether requests with ambiguous length are accepted. */
    lenient?: boolean;
    /** Whether hosts are cached for a day without notifications of changes. */
    cachesHosts?: boolean;
    /** Whether the header X-Tenant of the client selects the tenant. */
    tenantHeader?: boolean;
  }>;

/**
 * Creates routes that are open to SQL injection. `q` is inserted into a literal of one statement. With
 * `several` in the path, the text is split at semicolons and every part is sent.
 */
function injectableRoutes(authenticated: readonly AppMiddleware[]): Router<State> {
  const router = createRouter();
  const textOf = (q: unknown): string => `select name from attack_notes where name ilike '%${q ?? ''}%'`;
  resource(router, '/api/injectable', authenticated, {
    GET: async (ctx) => {
      ctx.body = await ctx.state.tx.any(raw(textOf(ctx.query.q)));
    },
  });
  resource(router, '/api/injectable/several', authenticated, {
    POST: async (ctx) => {
      const given = (ctx.state.body() as { q?: string }).q ?? '';
      const answers = [];
      for (const text of textOf(given).split(';')) {
        answers.push((await ctx.state.tx.query(raw(text))).rows);
      }
      ctx.body = answers;
    },
  });
  return router;
}

/** Serves injectable routes behind the service's own middleware, of which `parts` replace some. */
export async function serveTestApp(world: World, parts: AppParts): Promise<TestService> {
  const { proxy = false, lenient = false, cachesHosts = false, tenantHeader = false } = parts;
  const directory = createDirectory({
    lookUp: async (host) =>
      (await resolveHosts(world.pool, [host], { verifiedOutside: null })).get(host) ?? null,
    ttl: 86_400,
  });
  const required = requireCaller(
    createAuthentication({
      userGuard,
      keyGuard,
      ...parts,
      secrets: SECRETS,
      settingsOf: async () => ({ LEEWAY: 0 }) as never,
    }),
  );
  const bugs: unknown[] = [];
  const app = new Koa<State>({ proxy });
  app.use(requestId());
  app.use(errorHandler({ onBug: (error) => bugs.push(error), violations: {} }));
  app.use(async (ctx, next) => {
    if (!cachesHosts) {
      directory.invalidateAll();
    }
    if (tenantHeader && ctx.get('X-Tenant')) {
      ctx.req.rawHeaders.splice(0, Number.POSITIVE_INFINITY, 'Host', ctx.get('X-Tenant'));
    }
    await next();
  });
  app.use(findTenant({ directory, siteDomain: 'localhost', showSite: false }));
  const authenticated = [required, parseBody(), tenantTransaction({ tenantDatabase: world.tenantDatabase })];
  for (const router of [
    listRoutes({ path: LIST_PATH, table: 'attack_notes' }, { authenticated }),
    injectableRoutes(authenticated),
  ]) {
    app.use(router.routes() as unknown as AppMiddleware);
  }
  const server = createServer({ insecureHTTPParser: lenient }, app.callback());
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    metricsPort: null,
    requests: [],
    bugs,
    warnings: [],
    mails: [],
    request: (...asked) => sendRequest(port, ...asked),
    rawRequest: (bytes, quiet) => sendRaw(port, bytes, quiet),
    logIn: () => Promise.reject(new TypeError('Log in at the service.')),
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => {
        server.close(closed);
      });
    },
  };
}
