import type pg from 'pg';

import type { SchemaKind } from '../tenancy/registry/project.ts';

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
