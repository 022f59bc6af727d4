import { Option } from 'commander';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { connectionTo } from '../../../db/admin/connection-config.ts';
import { listAuditEvents } from '../../../tenancy/operations/audit.ts';
import { AUDIT_SOURCES, type AuditEvent, type AuditSource } from '../../../tenancy/operations/fleet-views.ts';
import { parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';
import { integerOption } from '../../framework/integer-option.ts';

type Options = {
  schema?: string;
  actor?: string;
  action?: string;
  source?: AuditSource;
  operation?: string;
  limit: number;
  json?: true;
};

const lineOf = ({ at, source, actor, address, action, tenant, before, after }: AuditEvent): string =>
  [
    at.slice(0, 19).replace('T', ' '),
    source.padEnd(6),
    address === null ? actor : `${actor} (${address})`,
    action,
    tenant ?? '-',
    ...(before === null ? [] : [JSON.stringify(before), '->']),
    ...(after === null ? [] : [JSON.stringify(after)]),
  ].join('  ');

export const auditCommand: CliCommand<Options> = {
  name: 'audit',
  summary: 'List changes of tenants and of the fleet, the newest first: who, what, when and from where.',
  inTenant: false,
  audited: false,

  declare: (parser) =>
    parser
      .option('--schema <name>', 'only this tenant, also a purged one; site: the public site')
      .option('--actor <name>', 'only this operator')
      .option('--action <name>', 'only this action, for example suspend-tenant')
      .addOption(new Option('--source <source>', 'only this source').choices(AUDIT_SOURCES))
      .option('--operation <id>', 'only this operation of the API')
      .option('--limit <n>', 'maximum number of events', integerOption(1, 10_000), 50)
      .option('--json', 'print an array of objects'),

  async run({ schema, json, ...filter }, { ownerUrl, print, note }) {
    const tenant = schema === undefined ? undefined : parseSchemaOrSite(schema);
    const { count, results } = await withAdminConnection(connectionTo(await ownerUrl()), (client) =>
      listAuditEvents(client, { ...filter, tenant, offset: 0 }),
    );
    if (json) {
      print(JSON.stringify(results));
      return;
    }
    for (const event of results) {
      print(lineOf(event));
    }
    note(`${results.length} of ${count} events.`);
  },
};
