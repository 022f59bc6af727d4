/** The kinds of schemas: that of a tenant, and that of the public site. */
export type SchemaKind = 'tenant' | 'site';

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
  /** Extensions of PostgreSQL that its tables use. `migrate` installs them. Default: none. */
  extensions?: readonly Extension[];
}>;

/** The apps of an installation, each behind those that it needs. `defineProject` makes one. */
export type TenancyProject = Readonly<{
  apps: readonly TenancyApp[];
  /** Extensions in addition to those of the apps. Default: none. */
  extensions?: readonly Extension[];
}>;

/** Returns the extensions that a project and its apps declare, each once. */
export const extensionsOf = ({ apps, extensions = [] }: TenancyProject): readonly Extension[] =>
  [...new Set([...extensions, ...apps.flatMap((app) => app.extensions ?? [])])].sort();
