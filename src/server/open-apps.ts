import { appValues, type Config } from '../config/config.ts';
import type { Violations } from '../db/violations.ts';
import type { Project } from '../definition/define-project.ts';
import type { StartDependencies } from '../definition/dependencies.ts';
import type { OwnerService } from '../definition/owners.ts';
import { type Authentication, NO_AUTHENTICATION } from '../http/authentication.ts';
import type { ApiDocumentOf } from '../http/middleware/api-document.ts';
import type { MiddlewareStacks } from '../http/middleware-stacks.ts';
import type { AppRouter } from '../http/openapi/document.ts';
import { listOperationKinds } from '../operations/list-kinds.ts';
import { createSettingsOf, type SettingsOf } from '../tenancy/context/settings-of.ts';
import { type OperatorsOptions, openOperators } from '../tenancy/operations/open-operators.ts';
import { loadModule } from '../tenancy/registry/load-module.ts';
import { permissionsOf, rowLimitsOf, type SchemaKind } from '../tenancy/registry/project.ts';
import {
  effectiveSettings,
  settingsSchemaOf,
  type TenantSettings,
} from '../tenancy/registry/tenant-settings.ts';
import { createApiDocuments } from './api-documents.ts';
import { type ErasedDependencies, type RoutesModule, routersOfApp } from './routers-of-app.ts';

/** What the engine passes to every app. */
type EngineServices = Pick<
  StartDependencies,
  | 'tenantDatabase'
  | 'secrets'
  | 'directory'
  | 'throttle'
  | 'recentRequests'
  | 'watchDueWork'
  | 'log'
  | 'onWorkFailed'
> &
  Readonly<{
    /** For operators: connections outside of any tenant, and what this release requires of a tenant. */
    operators: Pick<OperatorsOptions, 'pool' | 'key' | 'expected'>;
    /** `openApps` pushes the `close` of each started app onto it. */
    closers: Array<() => Promise<unknown>>;
  }>;

/** The started apps of a project. */
export type OpenApps = Readonly<{
  settingsOf: SettingsOf;
  authentication: Authentication;
  violations: Violations;
  /** Creates the routers for the hosts of a kind. The first router that matches a path is used. */
  routersOf: (kind: SchemaKind, stacks: MiddlewareStacks) => readonly AppRouter[];
  /** Returns the function that returns OpenAPI documents of these routers. Null: documents are not served. */
  documentsOf: ((kind: SchemaKind, routers: readonly AppRouter[]) => ApiDocumentOf) | null;
}>;

/** Starts the apps of a project, in its order, and loads their routes. */
export async function openApps(project: Project, config: Config, engine: EngineServices): Promise<OpenApps> {
  const { tenantDatabase, secrets, directory, throttle, recentRequests, closers } = engine;
  const schema = settingsSchemaOf(project);
  const defaults: TenantSettings = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [name, (config as Readonly<Record<string, unknown>>)[name]]),
  ) as TenantSettings;
  const settingsOf = createSettingsOf({ tenantDatabase, schema, defaults });

  const opened: Array<{
    app: Project['apps'][number];
    dependencies: object;
    module: RoutesModule;
  }> = [];
  let ownerService: OwnerService | null = null;
  for (const app of project.apps) {
    const dependencies = {
      tenantDatabase,
      settingsOf: settingsOf as SettingsOf<never>,
      environment: { ...appValues(app, config), BASE_DOMAIN: config.BASE_DOMAIN },
      secrets,
      directory,
      throttle,
      permissions: permissionsOf(project),
      limits: rowLimitsOf(project),
      models: project.apps.flatMap(({ models }) => models),
      menu: project.apps.flatMap(({ menu }) => menu),
      owners: () => ownerService,
      recentRequests,
    };
    const service = await app.start({
      ...dependencies,
      withDefaults: (tenant, overrides) => effectiveSettings(schema, defaults, tenant, overrides),
      watchDueWork: engine.watchDueWork,
      log: engine.log,
      onWorkFailed: engine.onWorkFailed,
    });
    if (app.owners) {
      ownerService = service as unknown as OwnerService;
    }
    const { close } = service;
    if (close) {
      closers.push(close);
    }
    opened.push({
      app,
      dependencies: { ...dependencies, service },
      module: await loadModule(`the routes of the app "${app.name}"`, app.routes),
    });
  }

  const operators = openOperators({
    ...engine.operators,
    kinds: await listOperationKinds(project, config, { ownerService: () => ownerService, owners: null }),
    settings: schema,
    defaults,
    baseDomain: config.BASE_DOMAIN,
  });
  const store = project.apps.find((app) => app.idempotency)?.idempotency;
  const idempotency = (await store?.({ settingsOf })) ?? null;

  return {
    settingsOf,
    authentication: (await project.authentication?.({ secrets, settingsOf })) ?? NO_AUTHENTICATION,
    violations: Object.assign({}, ...project.apps.map(({ violations }) => violations)),
    routersOf: (kind, stacks) =>
      opened.flatMap(({ app, dependencies, module }) =>
        routersOfApp(app, module, kind, {
          ...dependencies,
          stacks,
          idempotency,
          operators,
        } as unknown as ErasedDependencies),
      ),
    documentsOf: config.API_DOCS
      ? (kind, routers) => {
          const documentOf = createApiDocuments(project, kind, routers);
          return async (tenant) =>
            documentOf(
              // The settings of a tenant in maintenance cannot be read.
              await settingsOf(tenant).catch(() => effectiveSettings(schema, defaults, tenant, {})),
            );
        }
      : null,
  };
}
