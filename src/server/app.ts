import type Koa from 'koa';
import compose from 'koa-compose';
import type { TrustedProxies } from '../config/trusted-proxies.ts';
import type { Violations } from '../db/violations.ts';
import type { CorsSettings } from '../http/cors-origins.ts';
import { assets } from '../http/html/assets.ts';
import { notFound } from '../http/identifier.ts';
import { apiDocs } from '../http/middleware/api-docs.ts';
import { apiDocument } from '../http/middleware/api-document.ts';
import { consolePages } from '../http/middleware/console-pages.ts';
import { cors } from '../http/middleware/cors.ts';
import { type BugContext, type ColumnsOf, errorHandler } from '../http/middleware/error-handler.ts';
import { findTenant } from '../http/middleware/find-tenant.ts';
import { health } from '../http/middleware/health.ts';
import { redirectToPrimary } from '../http/middleware/redirect-to-primary.ts';
import { requestId } from '../http/middleware/request-id.ts';
import { requestLog } from '../http/middleware/request-log.ts';
import {
  type HttpsSettings,
  requireHttps,
  strictTransportSecurity,
} from '../http/middleware/require-https.ts';
import { requireUtf8Url } from '../http/middleware/require-utf8-url.ts';
import { securityHeaders } from '../http/middleware/security-headers.ts';
import { trustProxy } from '../http/middleware/trust-proxy.ts';
import type { RequestLine, StartTrace } from '../http/request-trace.ts';
import { composeRouters } from '../http/route-index.ts';
import { Application } from '../http/server/application.ts';
import type { AppMiddleware, State } from '../http/state.ts';
import type { Directory } from '../tenancy/context/directory.ts';
import type { SchemaKind } from '../tenancy/registry/project.ts';
import type { SchemaName, TenantId } from '../tenancy/registry/tenant.ts';
import type { OpenApps } from './open-apps.ts';
import { createStacks, type StackDependencies } from './stacks.ts';

export type AppDeps = StackDependencies &
  Readonly<{
    directory: Pick<Directory, 'find'>;
    /** Settings of CORS for tenants in maintenance. */
    corsDefaults: CorsSettings;
    routersOf: OpenApps['routersOf'];
    documentsOf: OpenApps['documentsOf'];
    /** Named constraints of the apps, and the API errors for their violation. */
    violations: Violations;
    siteDomain: string;
    showSite: boolean;
    redirectToPrimary: boolean;
    showConsole: boolean;
    /** Proxies whose X-Forwarded-* headers are trusted. Null: none. */
    trustedProxies: TrustedProxies | null;
    https: HttpsSettings;
    isReady: () => Promise<boolean>;
    isStopping: () => boolean;
    writeRequest: (line: RequestLine) => void;
    startTrace: StartTrace | null;
    schemaOf: (tenant: TenantId) => SchemaName | null;
    onBug: (error: unknown, context: BugContext) => void;
    columnsOf: ColumnsOf;
  }>;

const respondNotFound: AppMiddleware = async function respondNotFound() {
  throw notFound();
};

/** Creates the middleware of the whole service. Opens no connection and no port. */
export function buildApp(deps: AppDeps): Koa<State> {
  const { directory, settingsOf, documentsOf } = deps;
  const { siteDomain, showSite } = deps;
  const stacks = createStacks(deps);
  const pagesOfConsole = deps.showConsole ? [consolePages()] : [];
  const routes = (kind: SchemaKind): AppMiddleware => {
    const routers = deps.routersOf(kind, stacks);
    return compose([
      composeRouters(routers.map(({ router }) => router)),
      // After the routes, so that their requests do not pay for it.
      ...(documentsOf ? [apiDocument(documentsOf(kind, routers)), apiDocs()] : []),
      ...pagesOfConsole,
      respondNotFound,
    ] as AppMiddleware[]);
  };
  const onSite = routes('site');
  const onTenants = routes('tenant');

  const { trustedProxies } = deps;
  const app = new Application({ proxy: trustedProxies !== null });
  if (trustedProxies) {
    app.use(trustProxy({ trusted: trustedProxies }));
  }
  app.use(requestId());
  app.use(
    requestLog({
      write: deps.writeRequest,
      schemaOf: deps.schemaOf,
      shardOf: deps.shardOf,
      startTrace: deps.startTrace,
    }),
  );
  app.use(securityHeaders());
  app.use(errorHandler({ onBug: deps.onBug, violations: deps.violations, columnsOf: deps.columnsOf }));
  app.use(assets());
  app.use(health({ isReady: deps.isReady, isStopping: deps.isStopping }));
  app.use(strictTransportSecurity(deps.https));
  app.use(requireUtf8Url());
  app.use(findTenant({ directory, siteDomain, showSite }));
  if (deps.https.redirect) {
    app.use(requireHttps());
  }
  app.use(cors({ settingsOf, defaults: deps.corsDefaults }));
  if (deps.redirectToPrimary) {
    app.use(redirectToPrimary());
  }
  app.use((ctx, next) => (ctx.state.tenant.isSite ? onSite : onTenants)(ctx as never, next));
  return app;
}
