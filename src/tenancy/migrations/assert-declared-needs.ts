import { OperatorError } from '../../errors.ts';
import type { TenancyProject } from '../registry/project.ts';
import type { TableNames } from './parse-sql.ts';

/** The part of a `TenantMigration` that is read. */
type Migration = Readonly<{
  app: string;
  sqlFiles?: Readonly<{ up: ReadonlyArray<Readonly<{ file: string; text: string }>> }>;
}>;

/** Results by text: a process that creates tenants loads the same files often. */
const known = new Map<string, Promise<TableNames>>();

async function tablesOf(text: string): Promise<TableNames> {
  const { findTables } = await import('./parse-sql.ts');
  const tables = known.get(text) ?? findTables(text);
  known.set(text, tables);
  return tables;
}

/**
 * Checks that every foreign key references a table of its own app or of an app in `needs`. Without this, the order of
 * the migrations would be correct by chance, and deleting the other app would break this one.
 *
 * @throws OperatorError `migration_invalid` with file, line and the fix of each such key
 */
export async function assertDeclaredNeeds(
  { apps }: Pick<TenancyProject, 'apps'>,
  migrations: readonly Migration[],
): Promise<void> {
  const owners = new Map<string, string>();
  for (const { app, sqlFiles } of migrations) {
    for (const { text } of sqlFiles?.up ?? []) {
      for (const table of (await tablesOf(text)).created) {
        owners.set(table, owners.get(table) ?? app);
      }
    }
  }
  const faults: string[] = [];
  for (const { app, sqlFiles } of migrations) {
    const needs = apps.find(({ name }) => name === app)?.needs ?? [];
    for (const { file, text } of sqlFiles?.up ?? []) {
      for (const { table, line } of (await tablesOf(text)).referenced) {
        const owner = owners.get(table) ?? app;
        if (owner !== app && !needs.includes(owner)) {
          faults.push(
            `${file}, line ${line}: a foreign key of the app "${app}" references "${table}" of the app "${owner}". Add "${owner}" to \`needs\` of "${app}" in defineApp().`,
          );
        }
      }
    }
  }
  if (faults.length > 0) {
    throw new OperatorError('migration_invalid', faults.join('\n'));
  }
}
