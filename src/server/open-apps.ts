import { appValues, type Config } from '../config/config.ts';
import { translateViolation, type Violations } from '../db/violations.ts';
import type { Project } from '../definition/define-project.ts';
import type { StartDependencies } from '../definition/dependencies.ts';
import type { OwnerService } from '../definition/owners.ts';
import { Unavailable } from '../errors.ts';
import { type Authentication, NO_AUTHENTICATION } from '../http/authentication.ts';
import type { ApiDocumentOf } from '../http/middleware/api-document.ts';
import type { MiddlewareStacks } from '../http/middleware-stacks.ts';
import type { AppRouter } from '../http/openapi/document.ts';
import { listOperationKinds } from '../operations/list-kinds.ts';
import { createSettingsOf, type SettingsOf } from '../tenancy/context/settings-of.ts';
import { type OperatorsOptions, openOperators } from '../tenancy/operations/open-operators.ts';
import { loadModule } from '../tenancy/registry/load-module.ts';
import { permissionsOf, rowLimitsOf, type SchemaKind } from '../tenancy/registry/project.ts';
import type { ResolvedTenant } from '../tenancy/registry/tenant.ts';
import {
  effectiveSettings,
  type SettingsSchema,
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

/** The settings that tenants may override, and how to read those of a tenant. */
type Settings = Readonly<{
  schema: SettingsSchema;
  /** The values of the environment. */
  defaults: TenantSettings;
  settingsOf: SettingsOf;
}>;

function openSettings(
  project: Project,
  config: Config,
  { tenantDatabase }: Pick<EngineServices, 'tenantDatabase'>,
): Settings {
  const schema = settingsSchemaOf(project);
  const values: Readonly<Record<string, unknown>> = config;
  const defaults = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [name, values[name]]),
  ) as TenantSettings;
  return { schema, defaults, settingsOf: createSettingsOf({ tenantDatabase, schema, defaults }) };
}

/** An app that has started, with what its routes need. */
type StartedApp = Readonly<{
  app: Project['apps'][number];
  dependencies: object;
  module: RoutesModule;
}>;

/** Starts the apps, and loads their routes. */
async function startApps(
  project: Project,
  config: Config,
  engine: EngineServices,
  { schema, defaults, settingsOf }: Settings,
): Promise<Readonly<{ started: readonly StartedApp[]; owners: () => OwnerService | null }>> {
  const { tenantDatabase, secrets, directory, throttle, recentRequests, log } = engine;
  const started: StartedApp[] = [];
  let ownerService: OwnerService | null = null;
  const owners = (): OwnerService | null => ownerService;
  const shared = {
    tenantDatabase,
    settingsOf: settingsOf as SettingsOf<never>,
    secrets,
    directory,
    throttle,
    permissions: permissionsOf(project),
    limits: rowLimitsOf(project),
    models: project.apps.flatMap(({ models }) => models),
    menu: project.apps.flatMap(({ menu }) => menu),
    owners,
    recentRequests,
    log,
  };
  for (const app of project.apps) {
    const environment = { ...appValues(app, config), BASE_DOMAIN: config.BASE_DOMAIN };
    const service = await app.start({
      ...shared,
      environment,
      withDefaults: (tenant, overrides) => effectiveSettings(schema, defaults, tenant, overrides),
      watchDueWork: engine.watchDueWork,
      onWorkFailed: engine.onWorkFailed,
    });
    if (app.owners) {
      ownerService = service as unknown as OwnerService;
    }
    const { close } = service;
    if (close) {
      engine.closers.push(close);
    }
    started.push({
      app,
      dependencies: { ...shared, environment, service },
      module: await loadModule(`the routes of the app "${app.name}"`, app.routes),
    });
  }
  return { started, owners };
}

/** Returns the settings with which a tenant's document is made: the defaults for a tenant that cannot be entered now. */
async function documentedSettings(
  { schema, defaults, settingsOf }: Settings,
  tenant: ResolvedTenant,
): Promise<TenantSettings> {
  try {
    return await settingsOf(tenant);
  } catch (error) {
    if (!(translateViolation(error) instanceof Unavailable)) {
      throw error;
    }
    return effectiveSettings(schema, defaults, tenant, {});
  }
}

/** Starts the apps of a project, in its order, and loads their routes. */
export async function openApps(project: Project, config: Config, engine: EngineServices): Promise<OpenApps> {
  const { secrets } = engine;
  const settings = openSettings(project, config, engine);
  const { settingsOf } = settings;
  const { started, owners } = await startApps(project, config, engine, settings);
  const operators = openOperators({
    ...engine.operators,
    kinds: await listOperationKinds(project, config, { ownerService: owners, owners: null }),
    settings: settings.schema,
    defaults: settings.defaults,
    baseDomain: config.BASE_DOMAIN,
  });
  const store = project.apps.find((app) => app.idempotency)?.idempotency;
  const idempotency = (await store?.({ settingsOf })) ?? null;

  return {
    settingsOf,
    authentication: (await project.authentication?.({ secrets, settingsOf })) ?? NO_AUTHENTICATION,
    violations: Object.assign({}, ...project.apps.map(({ violations }) => violations)),
    routersOf: (kind, stacks) =>
      started.flatMap(({ app, dependencies, module }) =>
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
          return async (tenant) => documentOf(await documentedSettings(settings, tenant));
        }
      : null,
  };
}
