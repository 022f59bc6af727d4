import type pg from 'pg';

import { connectionTo } from '../../../db/admin/connection-config.ts';
import {
  type Change,
  resumeTenant,
  suspendTenant,
  undeleteTenant,
} from '../../../tenancy/registry/change-status.ts';
import { parseSchemaName } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';
import { tenantRecord } from '../../framework/tenant-record.ts';

type Options = { schema: string; json?: true };

/** Creates a command that changes a tenant's status and prints the new one. */
const statusCommand = ({
  name,
  summary,
  change,
}: {
  name: string;
  summary: string;
  change: (owner: pg.ClientConfig, schema: string) => Promise<Change>;
}): CliCommand<Options> => ({
  name,
  summary,
  audited: false,

  declare: (parser) =>
    parser.requiredOption('--schema <name>', 'the tenant').option('--json', 'print the tenant as JSON'),

  async run({ schema: text, json }, { ownerUrl, print }) {
    const schema = parseSchemaName(text);
    const { tenant, changed } = await change(connectionTo(await ownerUrl()), schema);
    print(
      json
        ? JSON.stringify(tenantRecord(tenant))
        : `Tenant ${schema} is ${changed ? 'now' : 'already'} ${tenant.status}.`,
    );
  },
});

export const suspendTenantCommand = statusCommand({
  name: 'suspend-tenant',
  summary: "Suspend a tenant. Its API returns 402, except for login and the user's own account.",
  change: suspendTenant,
});

export const resumeTenantCommand = statusCommand({
  name: 'resume-tenant',
  summary: 'Serve a suspended tenant again.',
  change: resumeTenant,
});

export const undeleteTenantCommand = statusCommand({
  name: 'undelete-tenant',
  summary: 'Restore a deleted tenant that was not purged.',
  change: undeleteTenant,
});
