/** The kinds of schemas: that of a tenant, and that of the public site. */
export type SchemaKind = 'tenant' | 'site';

/** What the engine needs of an app to migrate, dump and restore its tables. `defineApp` makes one. */
export type TenancyApp = Readonly<{
  name: string;
  /** Absolute. The folder that holds the app, and `sql/` and `migrations/` when the repository has none for it. */
  directory: string;
  /** Apps whose tables the foreign keys of this one refer to. */
  needs: readonly string[];
  /** Schemas that have the app's tables. */
  on: readonly SchemaKind[];
}>;

/** The apps of an installation, each behind those that it needs. `defineProject` makes one. */
export type TenancyProject = Readonly<{ apps: readonly TenancyApp[] }>;
