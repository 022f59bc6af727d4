import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { purgeTenant } from '../../../tenancy/lifecycle/purge-tenant.ts';
import { chooseDatabase, MAIN } from '../../../tenancy/registry/databases.ts';
import { listPurgeable } from '../../../tenancy/registry/registry.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';

type Options = { dryRun?: true; json?: true };

export const purgeTenants: CliCommand<Options> = {
  name: 'purge-tenants',
  summary: 'Drop the deleted tenants whose days have passed, and those whose purge was cut off.',
  audited: false,

  declare: (parser) =>
    parser
      .option('--dry-run', 'print the tenants without dropping them')
      .option('--json', 'print their schemas as JSON'),

  async run({ dryRun, json }, { config, ownerUrl, print, note, progress }) {
    const databases = databasesOf(await config(), await ownerUrl());
    const { owner } = chooseDatabase(databases, MAIN);
    const due = await withAdminConnection(owner, listPurgeable);
    const purged: string[] = [];
    for (const { schema, database } of due) {
      if (!dryRun) {
        await purgeTenant(owner, schema, progress, chooseDatabase(databases, database).owner);
        purged.push(schema);
      }
      if (!json) {
        print(dryRun ? `${schema} would be purged` : `${schema} purged`);
      }
    }
    if (json) {
      print(JSON.stringify({ due: due.map(({ schema }) => schema), purged }));
    }
    note(due.length === 0 ? 'Nothing to purge.' : `${purged.length} of ${due.length} purged.`);
  },
};
