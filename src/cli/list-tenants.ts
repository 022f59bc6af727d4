import { connectionTo } from '../db/connection.ts';
import { withOwner } from '../db/owner-client.ts';
import { listTenants } from '../tenancy/registry.ts';
import type { CliCommand } from './command.ts';

type Options = { json?: true };

const standing = ({ on_trial, paid_until }: { on_trial: boolean; paid_until: string | null }): string =>
  on_trial ? 'on trial' : paid_until ? `paid until ${paid_until}` : 'never asked to pay';

export const listTenantsCommand: CliCommand<Options> = {
  name: 'list-tenants',
  summary: 'List every tenant with its domains and standing.',
  declare: (parser) => parser.option('--json', 'print an array of objects'),

  async run({ json }, { ownerUrl, print, note }) {
    const tenants = await withOwner(connectionTo(await ownerUrl()), listTenants);
    if (json) {
      print(JSON.stringify(tenants));
      return;
    }
    const width = Math.max(6, ...tenants.map(({ schema_name }) => schema_name.length));
    for (const tenant of tenants) {
      print(
        `${tenant.schema_name.padEnd(width)}  ${tenant.status.padEnd(11)}  ${standing(tenant)}  ${tenant.domains.join(' ')}  ${tenant.name}`,
      );
    }
    note(tenants.length === 1 ? '1 tenant.' : `${tenants.length} tenants.`);
  },
};
