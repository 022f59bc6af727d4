import type Router from '@koa/router';
import Koa from 'koa';
import compose from 'koa-compose';
import type { TrustedProxies } from '../config/trusted-proxies.ts';
import type { Violations } from '../db/violations.ts';
import { type Authentication, optionalAuth, requireCaller } from '../http/authentication.ts';
import { parseBody } from '../http/body/parse-body.ts';
import type { CorsSettings } from '../http/cors-origins.ts';
import { createExportLimiter } from '../http/export/limit-exports.ts';
import { assets } from '../http/html/assets.ts';
import { notFound } from '../http/identifier.ts';
import { acceptJson } from '../http/middleware/accept-json.ts';
import { cors } from '../http/middleware/cors.ts';
import { type BugContext, type ColumnsOf, errorHandler } from '../http/middleware/error-handler.ts';
import { findTenant } from '../http/middleware/find-tenant.ts';
import { health } from '../http/middleware/health.ts';
import { limitResponse } from '../http/middleware/limit-response.ts';
import { limitTenant } from '../http/middleware/limit-tenant.ts';
import { redirectToPrimary } from '../http/middleware/redirect-to-primary.ts';
import { requestId } from '../http/middleware/request-id.ts';
import { requestLog } from '../http/middleware/request-log.ts';
import {
  type HttpsSettings,
  requireHttps,
  strictTransportSecurity,
} from '../http/middleware/require-https.ts';
import { requireServedTenant } from '../http/middleware/require-served-tenant.ts';
import { requireUtf8Url } from '../http/middleware/require-utf8-url.ts';
import { securityHeaders } from '../http/middleware/security-headers.ts';
import { tenantTransaction } from '../http/middleware/tenant-transaction.ts';
import { trustProxy } from '../http/middleware/trust-proxy.ts';
import type { MiddlewareStack, MiddlewareStacks } from '../http/middleware-stacks.ts';
import type { RequestLimit } from '../http/rate-limit/request-limit.ts';
import type { RequestLine, StartTrace } from '../http/request-trace.ts';
import type { AppMiddleware, State } from '../http/state.ts';
import type { Directory } from '../tenancy/context/directory.ts';
import type { SettingsOf } from '../tenancy/context/settings-of.ts';
import type { TenantDatabase } from '../tenancy/context/with-tenant.ts';
import type { RequiredMigrations, SchemaKind } from '../tenancy/registry/project.ts';
import type { SchemaName, TenantId } from '../tenancy/registry/tenant.ts';

export type AppDeps = Readonly<{
  directory: Pick<Directory, 'find'>;
  tenantDatabase: TenantDatabase;
  settingsOf: SettingsOf;
  /** Settings of CORS for tenants whose own cannot be read. */
  corsDefaults: CorsSettings;
  authentication: Authentication;
  /** Creates the routers of the apps for the hosts of a kind. */
  routersOf: (kind: SchemaKind, stacks: MiddlewareStacks) => ReadonlyArray<Router<State>>;
  /** Named constraints of the apps, and the API errors for their violation. */
  violations: Violations;
  /** The migrations that this code requires. */
  expected: RequiredMigrations;
  siteDomain: string;
  showSite: boolean;
  redirectToPrimary: boolean;
  /** Proxies whose X-Forwarded-* headers are trusted. Null: none. */
  trustedProxies: TrustedProxies | null;
  https: HttpsSettings;
  isReady: () => Promise<boolean>;
  isStopping: () => boolean;
  writeRequest: (line: RequestLine) => void;
  startTrace: StartTrace | null;
  requestLimit: RequestLimit;
  /** Called with the name of the limit when a request is rejected. */
  onLimit: (limit: 'requests' | 'response_bytes') => void;
  schemaOf: (tenant: TenantId) => SchemaName | null;
  shardOf: (tenant: TenantId) => string;
  /** Maximum number of exports at the same time on the connections of a pool shard. */
  exportsPerShard: number;
  onBug: (error: unknown, context: BugContext) => void;
  columnsOf: ColumnsOf;
}>;

const respondNotFound: AppMiddleware = async function respondNotFound() {
  throw notFound();
};

/** Creates the middleware of the whole service. Opens no connection and no port. */
export function buildApp(deps: AppDeps): Koa<State> {
  const { directory, tenantDatabase, authentication, settingsOf, expected } = deps;
  const { siteDomain, showSite } = deps;
  const required = requireCaller(authentication);
  const optional = optionalAuth(authentication);
  const sized = limitResponse({ onHit: () => deps.onLimit('response_bytes') });

  const exportLimiter = createExportLimiter({ shardOf: deps.shardOf, perShard: deps.exportsPerShard });
  const stack = (whileUnpaid: boolean): MiddlewareStack => {
    const page = [
      requireServedTenant({ expected, whileUnpaid }),
      limitTenant({ settingsOf, requests: deps.requestLimit, onHit: () => deps.onLimit('requests') }),
    ];
    const served = [acceptJson(), ...page];
    return {
      page: [...page, parseBody({ open: true }), sized],
      open: [...served, parseBody({ open: true }), sized],
      optionalAuth: [...served, optional, parseBody({ open: true }), sized],
      identified: [...served, required, parseBody(), sized],
      authenticated: [
        ...served,
        required,
        parseBody(),
        tenantTransaction({ tenantDatabase, whileUnpaid, exportLimiter }),
        sized,
      ],
    };
  };
  const stacks: MiddlewareStacks = { paid: stack(false), always: stack(true) };
  const routes = (kind: SchemaKind): AppMiddleware =>
    compose([
      ...deps.routersOf(kind, stacks).map((router) => router.routes()),
      respondNotFound,
    ] as AppMiddleware[]);
  const onSite = routes('site');
  const onTenants = routes('tenant');

  const { trustedProxies } = deps;
  const app = new Koa<State>({ proxy: trustedProxies !== null });
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
