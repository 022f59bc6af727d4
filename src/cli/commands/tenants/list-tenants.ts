import { Option } from 'commander';
import { counted } from '../../../counted.ts';
import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { connectionTo } from '../../../db/admin/connection-config.ts';
import { listTenants } from '../../../tenancy/registry/registry.ts';
import { type Selection, selectTenants } from '../../../tenancy/registry/select-tenants.ts';
import type { CliCommand } from '../../framework/command.ts';
import { printable } from '../../framework/printable.ts';
import { tenantRecord } from '../../framework/tenant-record.ts';
import { describePayment } from './describe-payment.ts';

type Options = Pick<Selection, 'type' | 'status' | 'only'> & { json?: true };

export const listTenantsCommand: CliCommand<Options> = {
  name: 'list-tenants',
  summary: 'List all tenants with their domains and payment status.',
  audited: false,
  declare: (parser) =>
    parser
      .option('--type <type>', 'only tenants of this type')
      .addOption(
        new Option('--status <status>', 'only tenants in this status').choices([
          'active',
          'suspended',
          'maintenance',
          'moving',
          'deleted',
        ]),
      )
      .option('--only <glob>', "only schemas that match, for example 'acme_*'")
      .option('--json', 'print an array of objects'),

  async run({ json, ...selection }, { ownerUrl, print, note }) {
    const all = await withAdminConnection(connectionTo(await ownerUrl()), listTenants);
    const tenants = selectTenants(all, selection);
    if (json) {
      print(JSON.stringify(tenants.map(tenantRecord)));
      return;
    }
    const width = Math.max(6, ...tenants.map(({ schema }) => schema.length));
    for (const tenant of tenants) {
      print(
        `${tenant.schema.padEnd(width)}  ${tenant.status.padEnd(11)}  ${describePayment(tenant)}  ${tenant.domains.join(' ')}  ${printable(tenant.name)}`,
      );
    }
    note(`${counted(tenants.length, 'tenant')}.`);
  },
};
