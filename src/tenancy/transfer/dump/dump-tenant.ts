import type pg from 'pg';
import { withSnapshot } from '../copy/snapshot.ts';
import type { DumpedTable, Manifest } from './manifest.ts';
import { writeDump } from './write-dump.ts';
import { writeWholeFile } from './write-whole-file.ts';

export type DumpOptions = Readonly<{
  file: string;
  overwrite: boolean;
  /** How many tables there are, before the first. */
  onStart?: (tables: number) => void;
  onTable?: (table: DumpedTable) => void;
}>;

/**
 * Dumps a tenant, whatever its status, to one file, while it is served. Answers
 * the dump's manifest and its size in bytes.
 *
 * The file holds everything that the tenant's tables hold, password hashes among
 * them, and no key of the installation.
 *
 * @throws DomainError `tenant_not_found`, `tenant_migrating` or `file_refused`
 */
export async function dumpTenant(
  owner: pg.ClientConfig,
  schema: string,
  { file, overwrite, onStart, onTable }: DumpOptions,
): Promise<{ manifest: Manifest; size: number }> {
  return withSnapshot(owner, schema, (snapshot) =>
    writeWholeFile(file, { overwrite }, (handle) => {
      onStart?.(snapshot.tables.length);
      return writeDump(snapshot, handle, onTable);
    }),
  );
}
