import type pg from 'pg';
import { z } from 'zod';

import type { Finding } from '../../db/checks.ts';
import { digestOfFiles, displayPath } from '../migrations/file-digest.ts';
import { sharedSqlFiles } from '../migrations/run-migrations.ts';
import {
  loadGlobalMigrations,
  loadTenantMigrations,
  type SqlFile,
  type TenantMigration,
} from '../migrations/tenant-migrations.ts';
import type { TenancyProject } from '../registry/project.ts';

/** The migrations of the shared schema, of the global tables, and of tenants. */
type Kind = 'shared' | 'global' | 'tenant';

/** The digest of a migration's SQL files. */
export type FileDigest = Readonly<{ kind: Kind; name: string; files: readonly string[]; digest: string }>;

/** An applied migration whose SQL files have changed since. */
export type ChangedFile = Readonly<{ name: string; files: readonly string[] }>;

/** Recorded digests, by kind and name: `tenant 20261201000000000_notes`. */
export type RecordedDigests = Readonly<Record<string, string>>;

/** SQL that returns the recorded digests as one value. */
export const RECORDED_DIGESTS = `
  (
    select coalesce(jsonb_object_agg(m.kind || ' ' || m.name, m.digest), '{}')
    from tenancy_migrations.digests as m
  )`;

const keyOf = ({ kind, name }: Pick<FileDigest, 'kind' | 'name'>): string => `${kind} ${name}`;

const digestOf = (kind: Kind, name: string, files: readonly SqlFile[] = []): readonly FileDigest[] =>
  files.length === 0
    ? []
    : [{ kind, name, files: files.map(({ file }) => displayPath(file)), digest: digestOfFiles(files) }];

/** Returns the digests of all migrations that apply SQL files. Others have none. */
export async function readFileDigests(
  project: TenancyProject,
  migrations: readonly TenantMigration[],
): Promise<readonly FileDigest[]> {
  const shared = await sharedSqlFiles();
  const global = await loadGlobalMigrations(project);
  return [
    ...shared.flatMap(({ name, sqlFiles }) => digestOf('shared', name, sqlFiles)),
    ...global.flatMap(({ name, sqlFiles }) => digestOf('global', name, sqlFiles?.up)),
    ...migrations.flatMap(({ name, sqlFiles }) => digestOf('tenant', name, sqlFiles?.up)),
  ];
}

/** Returns the migrations whose files differ from the recorded digests. */
export const findChanged = (
  digests: readonly FileDigest[],
  recorded: RecordedDigests,
): readonly ChangedFile[] =>
  digests
    .filter((file) => (recorded[keyOf(file)] ?? file.digest) !== file.digest)
    .map(({ name, files }) => ({ name, files }));

/** Merges the changed files of several databases, each once. */
export const distinctFiles = (lists: ReadonlyArray<readonly ChangedFile[]>): readonly ChangedFile[] => [
  ...new Map(lists.flat().map((file) => [file.name, file])).values(),
];

/** Returns the digests that are not recorded. */
export const findUnrecorded = (
  digests: readonly FileDigest[],
  recorded: RecordedDigests,
): readonly FileDigest[] => digests.filter((file) => recorded[keyOf(file)] === undefined);

/** Records digests inside the transaction of `client`, in place of earlier ones. */
export async function recordDigests(client: pg.ClientBase, digests: readonly FileDigest[]): Promise<void> {
  await client.query('set local role tenancy_owner');
  await client.query(
    `insert into tenancy_migrations.digests (kind, name, digest)
     select d.kind, d.name, d.digest
     from jsonb_to_recordset($1::jsonb) as d (kind text, name text, digest text)
     order by d.kind, d.name
     on conflict on constraint digests_pkey do update
       set digest = excluded.digest,
           recorded_at = now()`,
    [JSON.stringify(digests.map(({ kind, name, digest }) => ({ kind, name, digest })))],
  );
}

/** Deletes the digests of tenant migrations that no tenant has any more. */
export async function deleteDigests(client: pg.ClientBase, names: readonly string[]): Promise<void> {
  await client.query('set local role tenancy_owner');
  await client.query(
    `delete from tenancy_migrations.digests as m
     where m.kind = 'tenant'
       and m.name = any ($1::text[])`,
    [names],
  );
}

const FAULT = 'has changed since it was applied: new tenants differ from older ones';
const REMEDY =
  'Restore the file and write a new migration. If the result is the same: tenants migrate --accept-changed';

/** Returns a message for a changed migration. */
export const changedLine = ({ name, files }: ChangedFile): string =>
  `${files.join(', ')} (${name}) ${FAULT}. ${REMEDY}`;

/** Returns a finding for each applied migration of a database whose files have changed. */
export async function checkMigrationFiles(
  client: pg.ClientBase,
  project: TenancyProject,
): Promise<readonly Finding[]> {
  const { rows: tables } = await client.query(
    `select from pg_catalog.pg_class as c where c.oid = pg_catalog.to_regclass('tenancy_migrations.digests')`,
  );
  if (tables.length === 0) {
    return [];
  }
  const { rows } = await client.query(`select ${RECORDED_DIGESTS} as digests`);
  const { digests } = z.object({ digests: z.record(z.string(), z.string()) }).parse(rows[0]);
  const found = await readFileDigests(project, await loadTenantMigrations(project, { validate: false }));
  return findChanged(found, digests).map(({ name, files }) => ({
    check: 'migration-files',
    severity: 'error',
    object: `${files.join(', ')} (${name})`,
    fault: FAULT,
    remedy: REMEDY,
  }));
}
