import type pg from 'pg';
import type { z } from 'zod';

import type { TableDeclarations } from './table-declarations.ts';
import type { TenantIdentity } from './tenant.ts';

/** The kinds of schemas: that of a tenant, and that of the public site. */
export type SchemaKind = 'tenant' | 'site';

/**
 * Called in the transaction of a change to a tenant, inside the tenant: as the owner of its tables, behind its path and
 * policy. What it throws undoes the change.
 */
export type TenantHook = (client: pg.ClientBase, tenant: TenantIdentity) => Promise<void>;

export type TenantHooks = Readonly<{
  /** Called when a tenant was created, from a spare too. Not called for restored and cloned tenants. */
  onTenantCreated?: TenantHook | undefined;
  /** Called when the rows of a dump were loaded and migrated. */
  onRestored?: TenantHook | undefined;
  /** Called when the rows of another tenant were loaded and migrated. */
  onCloned?: TenantHook | undefined;
}>;

/** The extensions that a project may declare: those of sql/extensions.txt, which has the reasons. */
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

/** What the engine needs of an app to migrate, dump and restore its tables. `defineApp` makes one. */
export type TenancyApp = Readonly<{
  name: string;
  /** Absolute. The folder that holds the app, and `sql/` and `migrations/` when the repository has none for it. */
  directory: string;
  /** Apps whose tables the foreign keys of this one refer to. */
  needs: readonly string[];
  /** Schemas that have the app's tables. */
  on: readonly SchemaKind[];
  /** Rules of its tables for fixtures, dumps and copies. */
  tables: TableDeclarations;
  /** Settings of the environment that a tenant may override. */
  settings: z.ZodRawShape;
  /** Settings that the public site has otherwise than the environment says. */
  siteSettings: Readonly<Record<string, unknown>>;
  /** Settings of the environment that hold for the process. */
  environment: z.ZodRawShape;
  /** Names that resemble settings of the app and are none: `readConfig` rejects them. */
  unknownSettings: readonly string[];
  hooks: TenantHooks;
  /** Extensions of PostgreSQL that its tables use. `migrate` installs them. */
  extensions: readonly Extension[];
}>;

/** The apps of an installation, each behind those that it needs. `defineProject` makes one. */
export type TenancyProject = Readonly<{
  apps: readonly TenancyApp[];
  /** Extensions in addition to those of the apps. */
  extensions: readonly Extension[];
}>;

/** Returns the extensions that a project and its apps declare, each once. */
export const extensionsOf = ({ apps, extensions }: TenancyProject): readonly Extension[] =>
  [...new Set([...extensions, ...apps.flatMap((app) => app.extensions)])].sort();

/** The rules of all tables. */
export const tablesOf = ({ apps }: TenancyProject): TableDeclarations =>
  Object.assign({}, ...apps.map(({ tables }) => tables));
