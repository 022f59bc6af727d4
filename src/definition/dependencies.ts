import type { z } from 'zod';

import type { IdempotencyStore } from '../http/idempotency.ts';
import type { MiddlewareStacks } from '../http/middleware-stacks.ts';
import type { Throttle } from '../http/rate-limit/throttle.ts';
import type { ServiceLog } from '../observability/logger.ts';
import type { RecentRequests } from '../observability/recent-requests.ts';
import type { Directory } from '../tenancy/context/directory.ts';
import type { WatchDueWork } from '../tenancy/context/due-work.ts';
import type { SettingsOf } from '../tenancy/context/settings-of.ts';
import type { TenantDatabase } from '../tenancy/context/with-tenant.ts';
import type { Operators } from '../tenancy/operations/operators.ts';
import type { Databases } from '../tenancy/registry/locate-tenant.ts';
import type { TenancyProject } from '../tenancy/registry/project.ts';
import type { AppSecrets } from '../tenancy/registry/signing-key.ts';
import type { TenantSettings } from '../tenancy/registry/tenant-settings.ts';
import type { DeclaredModel } from './models.ts';
import type { OwnerService, Owners } from './owners.ts';

export type None = Record<never, z.ZodType>;
export type Values<Shape extends z.ZodRawShape> = Readonly<z.infer<z.ZodObject<Shape>>>;

/** A link in the header of the pages of a user. */
export type MenuLink = Readonly<{
  href: string;
  text: string;
  /** Whether only users with `is_staff` see it. Default: false. */
  staffOnly?: boolean;
}>;

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
  /** The permissions that the apps of the project declare: name to description. */
  permissions: Readonly<Record<string, string>>;
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
  log: Pick<ServiceLog, 'warn' | 'notice'>;
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
