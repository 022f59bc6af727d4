import Koa from 'koa';
import compose from 'koa-compose';
import helmet from 'koa-helmet';
import type { AccountTools } from '../apps/accounts/dependencies.ts';
import { keyGuard, userGuard } from '../apps/accounts/sessions/guards.ts';
import { type AppTools, siteApps, tenantApps } from '../apps/index.ts';
import type { TrustedProxies } from '../config/trusted-proxies.ts';
import type { Violations } from '../db/violations.ts';
import { parseBody } from '../http/body/parse-body.ts';
import { notFound } from '../http/identifier.ts';
import { acceptJson } from '../http/middleware/accept-json.ts';
import { createAuthentication } from '../http/middleware/create-authentication.ts';
import { type BugContext, type ColumnsOf, problems } from '../http/middleware/error-handler.ts';
import { findTenant } from '../http/middleware/find-tenant.ts';
import { health } from '../http/middleware/health.ts';
import { limitResponse } from '../http/middleware/limit-response.ts';
import { limitTenant } from '../http/middleware/limit-tenant.ts';
import { requestId } from '../http/middleware/request-id.ts';
import { requestLog } from '../http/middleware/request-log.ts';
import { type HttpsSettings, requireHttps } from '../http/middleware/require-https.ts';
import { statusGate } from '../http/middleware/require-served-tenant.ts';
import { tenantTransaction } from '../http/middleware/tenant-transaction.ts';
import { believeProxies } from '../http/middleware/trust-proxy.ts';
import type { RequestLimit } from '../http/rate-limit/request-limit.ts';
import type { RequestLine, StartTrace } from '../http/request-trace.ts';
import type { AppMiddleware, State } from '../http/state.ts';
import type { Directory } from '../tenancy/context/directory.ts';
import type { SchemaName, TenantId } from '../tenancy/registry/tenant.ts';

export type AppDeps = Readonly<{
  directory: Pick<Directory, 'find'>;
  accounts: AccountTools;
  /** Names of the last migrations that this code needs. */
  expected: Readonly<{ tenant: string; site: string }>;
  siteDomain: string;
  showSite: boolean;
  redirectToPrimary: boolean;
  /** Whose X-Forwarded-* count; null: nobody's. */
  trustedProxies: TrustedProxies | null;
  https: HttpsSettings;
  isReady: () => Promise<boolean>;
  isStopping: () => boolean;
  writeRequest: (line: RequestLine) => void;
  startTrace: StartTrace | null;
  requestLimit: RequestLimit;
  /** Told which limit of a tenant turned a request away. */
  onLimit: (limit: 'requests' | 'response_bytes') => void;
  schemaOf: (tenant: TenantId) => SchemaName | null;
  laneOf: (tenant: TenantId) => string;
  onBug: (error: unknown, context: BugContext) => void;
  /** Constraints that apps refine. */
  violations: Violations;
  columnsOf: ColumnsOf;
}>;

const nothingHere: AppMiddleware = async function nothingHere() {
  throw notFound();
};

/** The whole service, top to bottom. Opens nothing and listens to nothing. */
export function buildApp(deps: AppDeps): Koa<State> {
  const { directory, accounts, expected, siteDomain, showSite, redirectToPrimary } = deps;
  const { required: user, optional: userIfAny } = createAuthentication({
    secrets: accounts.secrets,
    settingsOf: accounts.settingsOf,
    userGuard,
    keyGuard,
  });
  const served = (whileUnpaid: boolean): readonly AppMiddleware[] => [
    acceptJson(),
    statusGate({ expected, whileUnpaid }),
    limitTenant({
      settingsOf: accounts.settingsOf,
      requests: deps.requestLimit,
      onHit: () => deps.onLimit('requests'),
    }),
  ];
  const sized = limitResponse({ onHit: () => deps.onLimit('response_bytes') });

  const tools: AppTools = {
    paid: {
      authenticated: [...served(false), user, parseBody(), tenantTransaction({ gate: accounts.gate }), sized],
    },
    always: {
      open: [...served(true), parseBody({ open: true }), sized],
      openTo: [...served(true), userIfAny, parseBody({ open: true }), sized],
      identified: [...served(true), user, parseBody(), sized],
      authenticated: [
        ...served(true),
        user,
        parseBody(),
        tenantTransaction({ gate: accounts.gate, whileUnpaid: true }),
        sized,
      ],
    },
    accounts,
    directory,
  };
  const routes = (apps: ReturnType<typeof tenantApps>): AppMiddleware =>
    compose([...apps.map((app) => app.routes()), nothingHere] as AppMiddleware[]);
  const onSite = routes(siteApps(tools));
  const onTenants = routes(tenantApps(tools));

  const { trustedProxies } = deps;
  const app = new Koa<State>({ proxy: trustedProxies !== null });
  if (trustedProxies) {
    app.use(believeProxies({ trusted: trustedProxies }));
  }
  app.use(requestId());
  app.use(
    requestLog({
      write: deps.writeRequest,
      schemaOf: deps.schemaOf,
      laneOf: deps.laneOf,
      startTrace: deps.startTrace,
    }),
  );
  app.use(helmet({ hsts: false }) as unknown as AppMiddleware);
  app.use(problems({ onBug: deps.onBug, violations: deps.violations, columnsOf: deps.columnsOf }));
  app.use(health({ isReady: deps.isReady, isStopping: deps.isStopping }));
  app.use(requireHttps(deps.https));
  app.use(findTenant({ directory, siteDomain, showSite, redirectToPrimary }));
  app.use((ctx, next) => (ctx.state.tenant.isSite ? onSite : onTenants)(ctx as never, next));
  return app;
}
