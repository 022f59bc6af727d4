import { randomInt } from 'node:crypto';
import type pg from 'pg';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import type { NewTenant } from '../../lifecycle/new-tenant.ts';
import { provisionOn } from '../../lifecycle/provision-on.ts';
import type { Database } from '../../registry/databases.ts';
import type { TenancyProject } from '../../registry/project.ts';
import type { TableDeclarations } from '../../registry/table-declarations.ts';
import { type DomainName, roleOf, type SchemaName, type TenantId } from '../../registry/tenant.ts';
import { parseOverrides, settingsSchemaOf } from '../../registry/tenant-settings.ts';
import { countMigrations } from '../copy/count-migrations.ts';
import { loadTables } from '../copy/load-tables.ts';
import { readWithheldTables } from '../copy/withheld-tables.ts';
import { type DumpedTable, damaged, type Manifest } from './manifest.ts';
import { withDump } from './read-dump.ts';

export type RestoreOptions = Readonly<{
  project: TenancyProject;
  file: string;
  /** Schema name of the tenant. Null: the dump's own. */
  schema: SchemaName | null;
  /** The first one is the primary domain. Empty: the dump's own. */
  domains: readonly DomainName[];
  /** Whether tables that are declared `dump: 'original'` stay empty. Always true while the original exists. */
  asCopy: boolean;
  declarations: TableDeclarations;
  onStart?: (tables: number) => void;
  onTable?: (table: DumpedTable) => void;
}>;

export type Restored = Readonly<{
  id: TenantId;
  schema: SchemaName;
  domains: readonly DomainName[];
  /** Number of loaded rows, by table. */
  tables: ReadonlyArray<Readonly<{ name: string; rows: number }>>;
  /** Tables whose rows were not loaded. */
  leftOut: readonly string[];
  /** Whether the tenant has the id of the dumped one, which was free. */
  sameId: boolean;
}>;

/**
 * Returns whether the dumped tenant exists here (`alive`), and whether its id is free. A role in
 * another database of the cluster reserves an id too.
 */
async function findOriginal(
  main: pg.ClientConfig,
  targetOwner: pg.ClientConfig,
  id: TenantId,
): Promise<{ alive: boolean; idFree: boolean }> {
  const { rows } = await withAdminConnection(main, (client) =>
    client.query<{ status: string }>('select t.status from public.tenants as t where t.id = $1', [id]),
  );
  const { rows: roles } = await withAdminConnection(targetOwner, (client) =>
    client.query('select from pg_catalog.pg_roles as r where r.rolname = $1', [roleOf(id)]),
  );
  const [row] = rows;
  return { alive: row !== undefined && row.status !== 'deleted', idFree: !row && roles.length === 0 };
}

/**
 * Returns a key generation that the original cannot have had, neither before the dump nor after it: a
 * link or token of a later generation than the dump's must not become valid again. Leaves two billion
 * rotations.
 */
const createKeyGeneration = (): number => randomInt(2 ** 20, 2 ** 30);

const describe = (
  { tenant }: Manifest,
  sameId: boolean,
): Pick<NewTenant, 'name' | 'paidUntil' | 'onTrial' | 'preserved'> => ({
  name: tenant.name,
  paidUntil: tenant.paid_until,
  onTrial: tenant.on_trial,
  preserved: {
    ...(sameId ? { id: tenant.id } : {}),
    keyGeneration: createKeyGeneration(),
    settings: tenant.settings,
    status: tenant.status === 'suspended' ? 'suspended' : 'active',
  },
});

/** @throws OperatorError `dump_invalid` for settings that this code does not have */
function assertSettings(project: TenancyProject, settings: Manifest['tenant']['settings']): void {
  try {
    parseOverrides(settingsSchemaOf(project), settings);
  } catch (error) {
    throw damaged(`its manifest is invalid at "tenant.settings" (${(error as Error).message})`);
  }
}

/**
 * Creates a tenant from a dump, in one transaction: its tables as they were at the dump's last
 * migration, its rows, then the later migrations. A failure or a crash leaves nothing.
 *
 * The tenant keeps its id if that is free. Its signing keys are new, and tables declared with
 * `dump: 'never'` are empty even if the dump contains their rows.
 *
 * @throws OperatorError `file_refused`, `dump_invalid`, `schema_name_taken` or `domain_taken`
 */
export async function restoreTenant(
  main: pg.ClientConfig,
  database: Database,
  { project, file, schema, domains, asCopy, declarations, onStart, onTable }: RestoreOptions,
): Promise<Restored> {
  return withDump(file, async ({ manifest, eachTable }) => {
    const { tenant, tables, sequences } = manifest;
    assertSettings(project, tenant.settings);
    const schemaToCreate = schema ?? tenant.schema_name;
    const hosts = domains.length > 0 ? domains : manifest.domains;
    const { alive, idFree: sameId } = await findOriginal(main, database.owner, tenant.id);
    const isCopy = asCopy || alive;
    let loaded: readonly DumpedTable[] = [];
    const id = await provisionOn(
      main,
      { ...database, project },
      { schema: schemaToCreate, domains: hosts, ...describe(manifest, sameId) },
      {
        migrations: await countMigrations(project, manifest.migrations, schemaToCreate),
        hook: 'onRestored',
        fill: async (client, made) => {
          const withheld = await readWithheldTables(
            client,
            made.schema,
            declarations,
            isCopy ? 'copy' : 'itself',
          );
          loaded = tables.filter(({ name }) => !withheld.has(name));
          onStart?.(loaded.length);
          await loadTables(client, made, {
            original: { schema: tenant.schema_name, role: roleOf(tenant.id) },
            tables,
            sequences,
            eachTable: (load) =>
              eachTable(
                async (table, rows) => {
                  const count = await load(table, rows);
                  onTable?.(table);
                  return count;
                },
                { leaveOut: (table) => !loaded.includes(table) },
              ),
          });
        },
      },
    );
    return {
      id,
      schema: schemaToCreate,
      domains: hosts,
      tables: loaded.map(({ name, rows }) => ({ name, rows })),
      leftOut: tables.filter((table) => !loaded.includes(table)).map(({ name }) => name),
      sameId,
    };
  });
}
