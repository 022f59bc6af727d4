import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MigrationBuilder } from 'node-pg-migrate';

import { isOfSite, MIGRATIONS } from './run-migrations.ts';

type Action = (pgm: MigrationBuilder) => Promise<void> | void;

/** One file of migrations/tenant/ or migrations/tenant-concurrent/. */
export type TenantMigration = Readonly<{
  /** `<time>_<app>`. The order is that of the names, whichever folder they are in. */
  name: string;
  /** Runs outside a transaction, and is to be repeated after a crash. */
  concurrent: boolean;
  up: Action;
  /** Null: what it did cannot be undone. */
  down: Action | null;
}>;

const byName = (one: TenantMigration, other: TenantMigration): number => (one.name < other.name ? -1 : 1);

async function load(folder: string, concurrent: boolean): Promise<readonly TenantMigration[]> {
  // A build has no folder for what it has no file of.
  const all = await readdir(path.join(MIGRATIONS, folder)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  const files = all.filter((file) => /\.[jt]s$/.test(file));
  return Promise.all(
    files.map(async (file) => {
      const { up, down } = (await import(pathToFileURL(path.join(MIGRATIONS, folder, file)).href)) as {
        up: Action;
        down?: Action | false;
      };
      return { name: file.replace(/\.[jt]s$/, ''), concurrent, up, down: down || null };
    }),
  );
}

/** Every tenant migration of the code, oldest first. Read once a run, not once a tenant. */
export async function loadTenantMigrations(): Promise<readonly TenantMigration[]> {
  const both = await Promise.all([load('tenant', false), load('tenant-concurrent', true)]);
  return both.flat().sort(byName);
}

/** Those that the public site has too. */
export const siteMigrations = (migrations: readonly TenantMigration[]): readonly TenantMigration[] =>
  migrations.filter(({ name }) => isOfSite(name));
