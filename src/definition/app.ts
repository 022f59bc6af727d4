import type Router from '@koa/router';
import type { z } from 'zod';

import type { Attack } from '../attacks/record.ts';
import type { DomainError } from '../errors.ts';
import type { OpenAuthentication } from '../http/authentication.ts';
import type { IdempotencyStore } from '../http/idempotency.ts';
import type { ApiSecurity } from '../http/openapi/document.ts';
import type { State } from '../http/state.ts';
import type { SettingsOf } from '../tenancy/context/settings-of.ts';
import type { WorkerJob } from '../tenancy/fleet/worker.ts';
import type { OperationKind } from '../tenancy/operations/operation-kind.ts';
import type { Extension, SchemaKind, TenancyApp, TenantHooks } from '../tenancy/registry/project.ts';
import type { AppCommands, AppDiagnosis } from './app-commands.ts';
import type { AppDemo } from './app-demo.ts';
import type {
  JobDependencies,
  MenuLink,
  OperationDependencies,
  RouteDependencies,
  StartDependencies,
  Values,
} from './dependencies.ts';
import type { AppTables, DeclaredModel } from './models.ts';
import type { Owners } from './owners.ts';

/** Creates an `IdempotencyStore` when the service starts. */
export type OpenIdempotency = (
  dependencies: Readonly<{ settingsOf: SettingsOf<unknown> }>,
) => Promise<IdempotencyStore>;

/** A service of an app, such as workers or threads. */
export type Closing = Readonly<{ close?: () => Promise<unknown> }>;

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
  /** Kinds of due work. They are marked for a tenant whose rows were restored, cloned or moved, and metrics count them. */
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
