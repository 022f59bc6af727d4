import type pg from 'pg';
import { counted } from '../../../counted.ts';
import { provisionOn } from '../../lifecycle/provision-on.ts';
import type { Database } from '../../registry/databases.ts';
import type { TenancyProject } from '../../registry/project.ts';
import type { TableDeclarations } from '../../registry/table-declarations.ts';
import type { DomainName, SchemaName, TenantId } from '../../registry/tenant.ts';
import { countMigrations } from './count-migrations.ts';
import { loadTables } from './load-tables.ts';
import { assertRenamable } from './own-names.ts';
import { withSnapshot } from './snapshot.ts';
import { assertSeparable, readWithheldTables } from './withheld-tables.ts';

export type CloneOptions = Readonly<{
  project: TenancyProject;
  from: string;
  schema: SchemaName;
  /** Display name. Null: the original's. */
  name: string | null;
  domains: readonly DomainName[];
  /** Whether rows are copied. Otherwise the tables are those of a new tenant. */
  data: boolean;
  declarations: TableDeclarations;
  onStart?: (tables: number) => void;
  onTable?: (table: Readonly<{ name: string; rows: number }>) => void;
}>;

export type Cloned = Readonly<{
  id: TenantId;
  tables: ReadonlyArray<Readonly<{ name: string; rows: number }>>;
  leftOut: readonly string[];
}>;

/**
 * Creates a copy of a tenant, which stays in service: its tables from the migrations and its rows from
 * one snapshot, in one transaction. Sessions and other rows that are not declared for copies are
 * omitted.
 *
 * The copy is a new, active tenant with its own keys. It has the original's trial.
 *
 * @throws DomainError `tenant_not_found`, `schema_name_taken` or `domain_taken`
 */
export async function cloneTenant(
  main: pg.ClientConfig,
  original: Pick<Database, 'owner'>,
  database: Database,
  { project, from, schema, name, domains, data, declarations, onStart, onTable }: CloneOptions,
): Promise<Cloned> {
  return withSnapshot(
    original.owner,
    from,
    async ({ client, tenant, migrations, tables, sequences, read }) => {
      const withheld = await readWithheldTables(client, from, declarations, 'copy');
      if (data) {
        await assertSeparable(client, from, withheld);
        await assertRenamable(client, { schema: from, role: tenant.role });
      }
      const copied = data ? tables.filter((table) => !withheld.has(table.name)) : [];
      const done: Array<{ name: string; rows: number }> = [];
      onStart?.(copied.length);
      const id = await provisionOn(
        main,
        { ...database, project },
        {
          schema,
          name: name ?? tenant.name,
          domains,
          paidUntil: tenant.paidUntil,
          onTrial: tenant.onTrial,
          preserved: { keyGeneration: 1, settings: tenant.settings, status: 'active' },
        },
        data
          ? {
              migrations: await countMigrations(project, migrations, schema),
              hook: 'onCloned',
              fill: (target, made) =>
                loadTables(target, made, {
                  original: { schema: from, role: tenant.role },
                  tables,
                  sequences,
                  eachTable: async (load) => {
                    for (const table of copied) {
                      const { used, rows } = await read(table, (stream) => load(table, stream));
                      if (used !== rows) {
                        throw new TypeError(
                          `Only ${used} of ${counted(rows, 'row')} of ${from}.${table.name} were copied.`,
                        );
                      }
                      done.push({ name: table.name, rows });
                      onTable?.({ name: table.name, rows });
                    }
                  },
                }),
            }
          : null,
      );
      return {
        id,
        tables: done,
        leftOut: data ? tables.map((table) => table.name).filter((table) => withheld.has(table)) : [],
      };
    },
  );
}
