import type Router from '@koa/router';
import type pg from 'pg';
import type { z } from 'zod';

import type { Attack } from '../attacks/record.ts';
import type { CliCommand, CliDeps } from '../cli/framework/command.ts';
import { type DomainError, OperatorError } from '../errors.ts';
import type { OpenAuthentication } from '../http/authentication.ts';
import type { IdempotencyStore } from '../http/idempotency.ts';
import type { MiddlewareStacks } from '../http/middleware-stacks.ts';
import type { ApiSecurity } from '../http/openapi/document.ts';
import { declarePermissions } from '../http/permission-names.ts';
import type { Throttle } from '../http/rate-limit/throttle.ts';
import type { State } from '../http/state.ts';
import type { ServiceLog } from '../observability/logger.ts';
import type { RecentRequests } from '../observability/recent-requests.ts';
import type { Directory } from '../tenancy/context/directory.ts';
import type { WatchDueWork } from '../tenancy/context/due-work.ts';
import type { SettingsOf } from '../tenancy/context/settings-of.ts';
import type { TenantDatabase } from '../tenancy/context/with-tenant.ts';
import type { WorkerJob } from '../tenancy/fleet/worker.ts';
import type { OperationKind } from '../tenancy/operations/operation-kind.ts';
import type { Operators } from '../tenancy/operations/operators.ts';
import type { Databases } from '../tenancy/registry/locate-tenant.ts';
import {
  EXTENSIONS,
  type Extension,
  type SchemaKind,
  type TenancyApp,
  type TenancyProject,
  type TenantHooks,
} from '../tenancy/registry/project.ts';
import type { AppSecrets } from '../tenancy/registry/signing-key.ts';
import type { SchemaName } from '../tenancy/registry/tenant.ts';
import type { TenantSettings } from '../tenancy/registry/tenant-settings.ts';
import { type AppTables, type DeclaredModel, splitTables } from './models.ts';
import type { OwnerService, Owners } from './owners.ts';

type None = Record<never, z.ZodType>;
type Values<Shape extends z.ZodRawShape> = Readonly<z.infer<z.ZodObject<Shape>>>;

/** The dependencies of an app that serves requests. */
type Dependencies<Settings extends z.ZodRawShape, Environment extends z.ZodRawShape> = Readonly<{
  /** For transactions of the app's own: see `withTenant`. */
  tenantDatabase: TenantDatabase;
  /** Returns a tenant's settings: the engine's and the app's. */
  settingsOf: SettingsOf<TenantSettings & Values<Settings>>;
  environment: Values<Environment> & Readonly<{ BASE_DOMAIN: string }>;
  secrets: AppSecrets;
  directory: Pick<Directory, 'find'>;
  throttle: Throttle;
  /** The permissions that the apps of the project declare. */
  permissions: readonly string[];
  /** Limits of rows of all apps: name of the setting to table. */
  limits: Readonly<Record<string, string>>;
  /** The links that the apps of the project declare with `menu`. */
  menu: readonly MenuLink[];
  /** Returns the service of the app with `owners`, once it has started. Null: no app has it. */
  owners: () => OwnerService | null;
  /** The models that the apps of the project declare. */
  models: readonly DeclaredModel[];
  /** Returns the counts of the last 15 minutes' requests, of all processes on this machine. */
  recentRequests: () => RecentRequests;
}>;

/** The argument of `start`. */
export type StartDependencies<
  Settings extends z.ZodRawShape = None,
  Environment extends z.ZodRawShape = None,
> = Dependencies<Settings, Environment> &
  Readonly<{
    /** Returns the settings of a tenant whose row has these `settings`, read inside the tenant. */
    withDefaults: (
      tenant: Readonly<{ isSite: boolean }>,
      overrides: Readonly<Record<string, unknown>>,
    ) => TenantSettings & Values<Settings>;
    /** Calls the app for tenants that have due work of a kind. */
    watchDueWork: WatchDueWork;
    log: Pick<ServiceLog, 'warn' | 'notice'>;
    /** Counts failed work in the metrics, by kind. */
    onWorkFailed: (kind: string) => void;
  }>;

/** The argument of `routes` and `siteRoutes`. `service` is the return value of `start`. */
export type RouteDependencies<
  Settings extends z.ZodRawShape = None,
  Environment extends z.ZodRawShape = None,
  Service = unknown,
> = Dependencies<Settings, Environment> &
  Readonly<{
    stacks: MiddlewareStacks;
    service: Service;
    /** For the option `idempotency` of `resource`. Null: no app of the project stores keys. */
    idempotency: IdempotencyStore | null;
    /** The fleet, for routes of the public site whose caller is an operator. Calls need no tenant's transaction. */
    operators: Operators;
  }>;

/** The argument of `operations`. The service and the worker create the kinds, each with its own part of the app with `owners`. */
export type OperationDependencies<Environment extends z.ZodRawShape = None> = Readonly<{
  environment: Values<Environment> & Readonly<{ BASE_DOMAIN: string }>;
  /** In the service, for `prepare`. Null: no app has it, or this is the worker. */
  ownerService: () => OwnerService | null;
  /** In the worker, for `run`. Null: no app has it, or this is the service. */
  owners: Owners | null;
}>;

/** The argument of `jobs`: what the process of `tenants worker` has. It has no pools. */
export type JobDependencies<Environment extends z.ZodRawShape = None> = Readonly<{
  project: TenancyProject;
  databases: Databases;
  environment: Values<Environment> & Readonly<{ BASE_DOMAIN: string }>;
  /** Of the app with `owners`. Null: no app has it. */
  owners: Owners | null;
}>;

/** Creates an `IdempotencyStore` when the service starts. */
export type OpenIdempotency = (
  dependencies: Readonly<{ settingsOf: SettingsOf<unknown> }>,
) => Promise<IdempotencyStore>;

/** A link in the header of the pages of a user. */
export type MenuLink = Readonly<{
  href: string;
  text: string;
  /** Whether only users with `is_staff` see it. Default: false. */
  staffOnly?: boolean;
}>;

/** A service of an app, such as workers or threads. */
type Closing = Readonly<{ close?: () => Promise<unknown> }>;

/** An extension of `create-tenant`: options, and rows that the tenant has from its creation. */
export type CreateTenantExtension = Readonly<{
  declare: CliCommand<never>['declare'];
  /**
   * Called with all options before anything is created. Returns a function that adds the rows
   * inside the new tenant, or null. `printed` is added to the command's JSON output, `sentence` to
   * its text output.
   */
  prepare: (
    options: Readonly<Record<string, unknown>>,
    schema: SchemaName,
    dependencies: CliDeps,
  ) => Promise<
    Readonly<{
      add: ((client: pg.ClientBase) => Promise<void>) | null;
      printed: Readonly<Record<string, unknown>>;
      sentence: string;
    }>
  >;
}>;

/** Commands of an app for the `tenants` command line. */
export type AppCommands = Readonly<{
  commands: readonly CliCommand<never>[];
  createTenant?: CreateTenantExtension;
}>;

/** Results for `tenants doctor`: reachable services, and advice. */
export type AppDiagnosis = Readonly<{
  probes: ReadonlyArray<Readonly<{ what: string; find: () => Promise<string> }>>;
  advice: readonly string[];
}>;

/** A tenant of the demo data, or the public site. */
export type DemoTenant = Readonly<{
  kind: SchemaKind;
  schema: string;
  host: string;
}>;

/** Demo data of an app, for `make dev` and `seed`. */
export type AppDemo = Readonly<{
  /** Called inside the tenant. Must change nothing when the tenant already has rows of the app. */
  seed: (client: pg.ClientBase, tenant: DemoTenant) => Promise<void>;
  /** The demo logins. Their passwords are public. */
  logins?: (
    tenant: DemoTenant,
  ) => ReadonlyArray<Readonly<{ host: string; username: string; password: string }>>;
  /** Lines that help a developer start. `url` is that of the tenant. */
  introduction?: (tenant: DemoTenant, url: string) => readonly string[];
}>;

type Key =
  | 'needs'
  | 'on'
  | 'tables'
  | 'settings'
  | 'limits'
  | 'siteSettings'
  | 'environment'
  | 'unknownSettings'
  | 'permissions';

/** The argument of `defineApp`. docs/apps.md explains each key. */
export type AppDefinition<
  Settings extends z.ZodRawShape,
  Environment extends z.ZodRawShape,
  Service extends Closing,
> = Readonly<{
  /** Lowercase letters, digits and underscores. Also the name of the app's folders of SQL and migrations. */
  name: string;
  /** `import.meta.dirname` of the app's own folder. */
  directory: string;
  /** Apps whose tables this app's foreign keys reference. Default: none. */
  needs?: readonly string[];
  /** Kinds of schemas that have the app's tables and whose hosts serve its routes. Default: tenants. */
  on?: readonly SchemaKind[];
  /** PostgreSQL extensions that the app's tables use. docs/global-tables.md lists those that are allowed. Default: none. */
  extensions?: readonly Extension[];
  /** For each table: its model in fixtures, how dumps and copies treat its rows, and its fields in the admin. */
  tables?: AppTables;
  /** Settings of the environment that a tenant may override. Names begin with the app's name. */
  settings?: Settings;
  /**
   * Limits of rows that a tenant's row may set: name of the setting to table. The table needs a trigger with
   * `tenancy.limit_rows`: docs/limits.md. Names begin with the app's name.
   */
  limits?: Readonly<Record<string, string>>;
  /** Defaults of the public site. Its own row overrides them. */
  siteSettings?: Partial<Values<Settings>>;
  /** Settings of the environment that apply to the process. Names begin with the app's name. */
  environment?: Environment;
  /** Whether setting names may lack the app's name as prefix: for apps that keep another product's names. */
  freeSettingNames?: boolean;
  /** Names that look like settings of the app but do not exist. Setting one is an error. */
  unknownSettings?: readonly string[];
  /** Permissions that a user may have: name to description. Names begin with the app's name and a dot. Default: none. */
  permissions?: Readonly<Record<string, string>>;
  /** Named constraints, and the API errors for their violation. */
  violations?: Readonly<Record<string, () => DomainError>>;
  /** Loaded when the service starts. Only the public site serves `siteRoutes`, and only tenants' hosts `tenantRoutes`. */
  routes?: () => Promise<
    Readonly<{
      routes?: (dependencies: RouteDependencies<Settings, Environment, Service>) => Router<State>;
      siteRoutes?: (dependencies: RouteDependencies<Settings, Environment, Service>) => Router<State>;
      tenantRoutes?: (dependencies: RouteDependencies<Settings, Environment, Service>) => Router<State>;
    }>
  >;
  /** Links to the app's pages on tenants' hosts, for users who are logged in. Default: none. */
  menu?: readonly MenuLink[];
  /** Called when the service starts, before routes are created. `close` is called when it stops. */
  start?: (dependencies: StartDependencies<Settings, Environment>) => Promise<Service>;
  /** Kinds of due work that metrics count. */
  dueWork?: readonly string[];
  /** How requests identify a user. `defineProject` names the app whose authentication is used. */
  authentication?: OpenAuthentication;
  /** How clients send the credentials of `authentication`, for OpenAPI documents. Default: as bearer tokens. */
  security?: ApiSecurity;
  /** Creates the store of the option `idempotency` of `resource`. One app of a project has it. */
  idempotency?: OpenIdempotency;
  /** Users of tenants, for apps that create tenants. One app of a project has it, and its service is an `OwnerService`. */
  owners?: () => Promise<Owners>;
  /** Loaded by `tenants worker`, which runs the jobs with the migrating login. */
  jobs?: () => Promise<
    Readonly<{ jobs: (dependencies: JobDependencies<Environment>) => readonly WorkerJob[] }>
  >;
  /**
   * Operations of the app's own that operators may request: see `defineOperation`. Loaded by the service, which records
   * them, and by `tenants worker`, which runs them with the migrating login.
   */
  operations?: () => Promise<
    Readonly<{
      operations: (dependencies: OperationDependencies<Environment>) => readonly OperationKind[];
    }>
  >;
  /** Loaded by the command line. */
  commands?: () => Promise<AppCommands>;
  /** Attacks of the app's own on the rows of another tenant. Loaded by `check --attack` and `make isolation`. */
  attacks?: () => Promise<Readonly<{ attacks: readonly Attack[] }>>;
  /** Loaded by `tenants doctor`. */
  diagnose?: (environment: Values<Environment> & Readonly<{ BASE_DOMAIN: string }>) => Promise<AppDiagnosis>;
  /** Loaded by `make dev` and `seed`. */
  demo?: () => Promise<AppDemo>;
}> &
  TenantHooks;

type ErasedDependencies = RouteDependencies<z.ZodRawShape, z.ZodRawShape, unknown>;

/** One app of a project, as `defineApp` returns it: with the defaults of all keys. */
export type App = TenancyApp &
  Readonly<{
    models: readonly DeclaredModel[];
    violations: Readonly<Record<string, () => DomainError>>;
    routes: () => Promise<
      Readonly<{
        routes?: (dependencies: ErasedDependencies) => Router<State>;
        siteRoutes?: (dependencies: ErasedDependencies) => Router<State>;
        tenantRoutes?: (dependencies: ErasedDependencies) => Router<State>;
      }>
    >;
    menu: readonly MenuLink[];
    start: (dependencies: StartDependencies<z.ZodRawShape, z.ZodRawShape>) => Promise<Closing>;
    dueWork: readonly string[];
    authentication: OpenAuthentication | null;
    security: ApiSecurity | null;
    idempotency: OpenIdempotency | null;
    owners: (() => Promise<Owners>) | null;
    jobs: () => Promise<
      Readonly<{ jobs: (dependencies: JobDependencies<z.ZodRawShape>) => readonly WorkerJob[] }>
    >;
    operations: () => Promise<
      Readonly<{
        operations: (dependencies: OperationDependencies<z.ZodRawShape>) => readonly OperationKind[];
      }>
    >;
    commands: () => Promise<AppCommands>;
    attacks: () => Promise<Readonly<{ attacks: readonly Attack[] }>>;
    diagnose: (environment: Readonly<Record<string, unknown>>) => Promise<AppDiagnosis>;
    demo: (() => Promise<AppDemo>) | null;
  }>;

const NAME = /^[a-z][a-z0-9_]{0,39}$/;
const PERMISSION = /^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]{0,59}$/;

const invalid = (message: string): DomainError => new OperatorError('configuration_invalid', message);

/** @throws OperatorError `configuration_invalid` for a name that does not belong to the app */
function assertPermissionNames(app: string, names: readonly string[]): void {
  const wrong = names.find((name) => !name.startsWith(`${app}.`) || !PERMISSION.test(name));
  if (wrong !== undefined) {
    throw invalid(
      `The permission "${wrong}" of the app "${app}" must be ${app}. and up to 60 lowercase letters, digits and underscores, such as ${app}.publish.`,
    );
  }
}

/** @throws OperatorError `configuration_invalid` for an extension that is not on the list */
export function assertExtensions(object: string, extensions: readonly string[]): void {
  const listed: readonly string[] = EXTENSIONS;
  const other = extensions.find((name) => !listed.includes(name));
  if (other !== undefined) {
    throw invalid(`${object} declares the extension "${other}". Tenants may use: ${EXTENSIONS.join(', ')}.`);
  }
}

/**
 * Creates an app for `defineProject`.
 *
 * @throws OperatorError `configuration_invalid` for an invalid name of the app, of a setting or of a permission, for
 *   an extension that tenants must not use, and for an invalid declaration of a model
 */
export function defineApp<
  Settings extends z.ZodRawShape = None,
  Environment extends z.ZodRawShape = None,
  Service extends Closing = Closing,
>(definition: AppDefinition<Settings, Environment, Service>): App {
  const { name, settings = {}, environment = {}, limits = {}, freeSettingNames = false } = definition;
  if (!NAME.test(name)) {
    throw invalid(
      `"${name}" is not a valid app name. Use up to 40 lowercase letters, digits and underscores, starting with a letter.`,
    );
  }
  const prefix = `${name.toUpperCase()}_`;
  for (const setting of Object.keys({ ...settings, ...environment, ...limits })) {
    if (!freeSettingNames && !setting.startsWith(prefix)) {
      throw invalid(`The setting ${setting} of the app "${name}" must begin with ${prefix}.`);
    }
  }
  const permissions = definition.permissions ?? {};
  assertPermissionNames(name, Object.keys(permissions));
  declarePermissions(Object.keys(permissions));
  const extensions = definition.extensions ?? [];
  assertExtensions(`The app "${name}"`, extensions);
  const on = definition.on ?? ['tenant'];
  const { tables, models } = splitTables(name, on, definition.tables ?? {});
  const { onTenantCreated, onRestored, onCloned, onRenamed, onDeleted } = definition;
  const described: TenancyApp & Pick<TenancyApp, Key> = {
    name,
    directory: definition.directory,
    needs: definition.needs ?? [],
    on,
    tables,
    settings,
    limits,
    siteSettings: definition.siteSettings ?? {},
    environment,
    unknownSettings: definition.unknownSettings ?? [],
    permissions,
    hooks: { onTenantCreated, onRestored, onCloned, onRenamed, onDeleted },
    extensions,
  };
  return {
    ...described,
    models,
    violations: definition.violations ?? {},
    routes: (definition.routes ?? (async () => ({}))) as App['routes'],
    menu: definition.menu ?? [],
    start: (definition.start ?? (async () => ({}))) as App['start'],
    dueWork: definition.dueWork ?? [],
    authentication: definition.authentication ?? null,
    security: definition.security ?? null,
    idempotency: definition.idempotency ?? null,
    owners: definition.owners ?? null,
    jobs: (definition.jobs ?? (async () => ({ jobs: () => [] }))) as App['jobs'],
    operations: (definition.operations ?? (async () => ({ operations: () => [] }))) as App['operations'],
    commands: definition.commands ?? (async () => ({ commands: [] })),
    attacks: definition.attacks ?? (async () => ({ attacks: [] })),
    diagnose: (definition.diagnose ?? (async () => ({ probes: [], advice: [] }))) as App['diagnose'],
    demo: definition.demo ?? null,
  };
}
