import { changedLine } from '../../../tenancy/fleet/changed-files.ts';
import {
  joinStatuses,
  type MigrationStatus,
  readMigrationStatus,
  type VersionCount,
} from '../../../tenancy/fleet/migration-status.ts';
import type { CliCommand, CliDeps } from '../../framework/command.ts';
import { databasesOf, fleetOn } from '../../framework/fleet.ts';
import { checkDrift, NAMED, printDrift } from './drift.ts';

type Options = { drift?: true; json?: true };

const versionOf = ({ migrated_to, concurrent_to }: VersionCount): string =>
  [migrated_to ?? '(none)', concurrent_to].filter(Boolean).join(', ');

/** Returns the table with a row for each version and a column for each status. */
function matrixOf(versions: readonly VersionCount[]): string[] {
  const statuses = [...new Set(versions.map(({ status }) => status))].sort();
  const names = [...new Set(versions.map(versionOf))];
  const width = Math.max(...names.map((name) => name.length));
  const line = (head: string, cells: readonly string[]): string =>
    [head.padEnd(width), ...cells.map((cell, index) => cell.padStart((statuses[index]?.length ?? 0) + 2))]
      .join('')
      .trimEnd();
  const countOf = (name: string, status: string): string =>
    String(versions.find((row) => versionOf(row) === name && row.status === status)?.tenants ?? '');
  return [
    line('', statuses),
    ...names.map((name) =>
      line(
        name,
        statuses.map((status) => countOf(name, status)),
      ),
    ),
  ];
}

function printStatus({ versions, pending, failures }: MigrationStatus, { print, red }: CliDeps): void {
  if (versions.length > 0) {
    for (const line of matrixOf(versions)) {
      print(line);
    }
  }
  for (const { schema, apply } of pending.tenants.slice(0, NAMED)) {
    print(
      `behind   ${schema}   ${apply.join(', ') || 'nothing; its registry row differs from its migration history'}`,
    );
  }
  if (pending.tenants.length > NAMED) {
    print(`behind   and ${pending.tenants.length - NAMED} more`);
  }
  for (const file of pending.changed) {
    print(`${red('changed')}  ${changedLine(file)}`);
  }
  for (const { schema, migration, error, attempts, failed_at } of failures) {
    print(
      `${red('failed')}   ${schema}   ${migration ? `${migration}: ` : ''}${error} (${attempts === 1 ? 'once' : `${attempts} times`}, last ${failed_at.toISOString()})`,
    );
  }
}

export const migrateStatus: CliCommand<Options> = {
  name: 'migrate-status',
  summary: 'Show the number of tenants for each migration, the tenants behind, and failures.',
  audited: false,

  declare: (parser) =>
    parser
      .option('--drift', 'also compare every tenant with a newly created one')
      .option('--json', 'print the result as JSON'),

  async run({ drift, json }, deps) {
    const { project, config, ownerUrl, print, note } = deps;
    const settings = await config();
    const statuses: MigrationStatus[] = [];
    for (const { name, owner } of Object.values(databasesOf(settings, await ownerUrl()))) {
      statuses.push(await readMigrationStatus(owner, fleetOn(project, settings, name)));
    }
    const status = joinStatuses(statuses);
    const found = drift ? await checkDrift(deps) : null;
    if (json) {
      print(JSON.stringify({ ...status, ...(found ? { drift: found.drift } : {}) }));
      return;
    }
    printStatus(status, deps);
    if (found) {
      printDrift(found, deps);
    }
    const { install, tenants } = status.pending;
    note(
      `${install ? 'The shared schema is behind. ' : ''}${tenants.length} behind, ${status.failures.length} failed${found ? `, ${found.drift.length} drifted` : ''}.`,
    );
  },
};
