import { connectionTo } from '../db/connection.ts';
import { withOwner } from '../db/owner-client.ts';
import { MAIN } from '../tenancy/databases.ts';
import { purgeTenant } from '../tenancy/purge-tenant.ts';
import { listPurgeable } from '../tenancy/registry.ts';
import type { CliCommand } from './command.ts';

type Options = { dryRun?: true; json?: true };

export const purgeTenants: CliCommand<Options> = {
  name: 'purge-tenants',
  summary: 'Drop the deleted tenants whose days have passed, and those whose purge was cut off.',

  declare: (parser) =>
    parser.option('--dry-run', 'only say which').option('--json', 'print their schemas as JSON'),

  async run({ dryRun, json }, { ownerUrl, print, note, progress }) {
    const owner = connectionTo(await ownerUrl());
    const all = await withOwner(owner, listPurgeable);
    const due = all.filter(({ database }) => database === MAIN).map(({ schema_name }) => schema_name);
    for (const { schema_name: schema, database } of all.filter(({ database }) => database !== MAIN)) {
      note(`${schema} lives on the database "${database}": move it to main to purge it.`);
    }
    const purged: string[] = [];
    for (const schema of due) {
      if (!dryRun) {
        await purgeTenant(owner, schema, progress);
        purged.push(schema);
      }
      if (!json) {
        print(dryRun ? `${schema} would be purged` : `${schema} purged`);
      }
    }
    if (json) {
      print(JSON.stringify({ due, purged }));
    }
    note(due.length === 0 ? 'Nothing to purge.' : `${purged.length} of ${due.length} purged.`);
  },
};
