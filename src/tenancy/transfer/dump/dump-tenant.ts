import { Readable } from 'node:stream';
import type pg from 'pg';
import { OperatorError } from '../../../errors.ts';
import type { TenancyProject } from '../../registry/project.ts';
import type { TableDeclarations } from '../../registry/table-declarations.ts';
import { parseOverrides, settingsSchemaOf } from '../../registry/tenant-settings.ts';
import { withSnapshot } from '../copy/snapshot.ts';
import { assertSeparable, readWithheldTables } from '../copy/withheld-tables.ts';
import type { DumpedTable, Manifest } from './manifest.ts';
import { writeDump } from './write-dump.ts';
import { writeWholeFile } from './write-whole-file.ts';

export type DumpOptions = Readonly<{
  file: string;
  overwrite: boolean;
  declarations: TableDeclarations;
  /** The tenant's settings are validated with it, because a dump with invalid settings cannot be restored. */
  project: TenancyProject;
  /** Called with the number of tables before the first one. */
  onStart?: (tables: number) => void;
  onTable?: (table: DumpedTable) => void;
}>;

/**
 * Checks that a restore would accept the settings.
 *
 * @throws OperatorError `precondition_failed`
 */
function assertRestorable(project: TenancyProject, settings: Readonly<Record<string, unknown>>): void {
  try {
    parseOverrides(settingsSchemaOf(project), settings);
  } catch (error) {
    throw new OperatorError(
      'precondition_failed',
      `The tenant cannot be dumped, because restore-tenant would reject "tenant.settings" (${(error as Error).message}). Change it first.`,
      { cause: error },
    );
  }
}

/**
 * Dumps a tenant with any status to one file, while it is in use. Returns the dump's manifest and its
 * size in bytes.
 *
 * The file contains the tenant's rows, including password hashes, and no key of the installation.
 * Tables that are declared `dump: 'never'` are in it without rows.
 *
 * @throws DomainError `tenant_not_found`, `tenant_migrating`, `precondition_failed` or `file_refused`
 */
export async function dumpTenant(
  owner: pg.ClientConfig,
  schema: string,
  { file, overwrite, declarations, project, onStart, onTable }: DumpOptions,
): Promise<{ manifest: Manifest; size: number }> {
  return withSnapshot(owner, schema, async (snapshot) => {
    assertRestorable(project, snapshot.tenant.settings);
    const withheld = await readWithheldTables(snapshot.client, schema, declarations, 'itself');
    await assertSeparable(snapshot.client, schema, withheld);
    const read: typeof snapshot.read = async (table, use) =>
      withheld.has(table.name)
        ? { used: await use(Readable.from([], { objectMode: false })), rows: 0 }
        : snapshot.read(table, use);
    return writeWholeFile(file, { overwrite }, (handle) => {
      onStart?.(snapshot.tables.length);
      return writeDump({ ...snapshot, read }, handle, onTable);
    });
  });
}
