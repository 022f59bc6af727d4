import type pg from 'pg';
import type { z } from 'zod';

import type { TableDeclarations } from './table-declarations.ts';
import type { TenantIdentity } from './tenant.ts';

/** The kinds of schemas: that of a tenant, and that of the public site. */
export type SchemaKind = 'tenant' | 'site';

/** What a release requires before it serves a tenant or the public site: its migrations in a transaction. */
export type RequiredMigrations = Readonly<
  Record<
    SchemaKind,
    Readonly<{
      /** Name of the last one, empty if there is none. */
      last: string;
      count: number;
    }>
  >
>;

/**
 * Called in the transaction of a change to a tenant, inside the tenant: as the owner of its tables,
 * with its path and policy. An error that it throws rolls the change back.
 */
export type TenantHook = (client: pg.ClientBase, tenant: TenantIdentity) => Promise<void>;

/** `before.schema` is the schema until now. */
export type RenameHook = (
  client: pg.ClientBase,
  tenant: TenantIdentity,
  before: Readonly<{ schema: string }>,
) => Promise<void>;

/** Functions of an app that changes to a tenant call. docs/apps.md#hooks */
export type TenantHooks = Readonly<{
  /** Called when a tenant was created, also from a spare. Not called for restored and cloned tenants. */
  onTenantCreated?: TenantHook | undefined;
  /** Called when the rows of a dump were loaded and migrated. */
  onRestored?: TenantHook | undefined;
  /** Called when the rows of another tenant were loaded and migrated. */
  onCloned?: TenantHook | undefined;
  /** Called when the schema of a tenant was renamed. Not called for a new display name or domain. */
  onRenamed?: RenameHook | undefined;
  /**
   * Called when a tenant is deleted, before its status changes. Its rows are kept until they are purged. On another
   * database than the main one it may be called again: its transaction is committed before that of the registry.
   */
  onDeleted?: TenantHook | undefined;
}>;

/** The extensions that a project may declare. sql/extensions.txt has the reasons. */
export const EXTENSIONS = [
  'btree_gist',
  'citext',
  'hstore',
  'ltree',
  'pg_trgm',
  'pgcrypto',
  'unaccent',
  'uuid-ossp',
  'vector',
] as const;

export type Extension = (typeof EXTENSIONS)[number];

/**
 * The part of an app that the engine needs to migrate, dump and restore its tables. `defineApp`
 * creates it.
 */
export type TenancyApp = Readonly<{
  name: string;
  /**
   * Absolute path of the app's folder. It contains `sql/` and `migrations/`, unless the repository has
   * them elsewhere.
   */
  directory: string;
  /** Apps whose tables the foreign keys of this one refer to. */
  needs: readonly string[];
  /** Schemas that have the app's tables. */
  on: readonly SchemaKind[];
  /** Rules of its tables for fixtures, dumps and copies. */
  tables: TableDeclarations;
  /** Settings of the environment that a tenant may override. */
  settings: z.ZodRawShape;
  /**
   * Limits of rows of its tables: name of the setting to table. Only a tenant's own row sets them: a
   * trigger reads it there.
   */
  limits: Readonly<Record<string, string>>;
  /** Settings of the public site that differ from the environment's. */
  siteSettings: Readonly<Record<string, unknown>>;
  /** Settings of the environment that apply to the process. */
  environment: z.ZodRawShape;
  /** Names that resemble settings of the app but are not settings: `readConfig` rejects them. */
  unknownSettings: readonly string[];
  /** Permissions that users may have: name to description. */
  permissions: Readonly<Record<string, string>>;
  hooks: TenantHooks;
  /** Kinds of its due work. They are marked when rows were loaded, and metrics count them. */
  dueWork: readonly string[];
  /** Extensions of PostgreSQL that its tables use. `migrate` installs them. */
  extensions: readonly Extension[];
}>;

/** The apps of an installation. Each comes after those that it needs. `defineProject` creates it. */
export type TenancyProject = Readonly<{
  apps: readonly TenancyApp[];
  /** Extensions in addition to those of the apps. */
  extensions: readonly Extension[];
}>;

/** Returns the extensions that a project and its apps declare, each once. */
export const extensionsOf = ({ apps, extensions }: TenancyProject): readonly Extension[] =>
  [...new Set([...extensions, ...apps.flatMap((app) => app.extensions)])].sort();

/** Returns the kinds of due work of the apps that a kind of schemas has. */
export const dueWorkOf = ({ apps }: Pick<TenancyProject, 'apps'>, kind: SchemaKind): readonly string[] =>
  apps.flatMap(({ on, dueWork }) => (on.includes(kind) ? dueWork : []));

/** Returns the permissions that the apps declare: name to description. */
export const permissionsOf = ({ apps }: Pick<TenancyProject, 'apps'>): Readonly<Record<string, string>> =>
  Object.assign({}, ...apps.map(({ permissions }) => permissions));

/** Returns the limits of rows that the apps declare: name of the setting to table. */
export const rowLimitsOf = ({ apps }: Pick<TenancyProject, 'apps'>): Readonly<Record<string, string>> =>
  Object.assign({}, ...apps.map(({ limits }) => limits));

/** Returns the declarations of all tables. */
export const tablesOf = ({ apps }: TenancyProject): TableDeclarations =>
  Object.assign({}, ...apps.map(({ tables }) => tables));
