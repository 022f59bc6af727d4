import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { connectionTo } from '../../../db/admin/connection-config.ts';
import { listDomains } from '../../../tenancy/registry/domains.ts';
import { findTenant, type RegistryRow } from '../../../tenancy/registry/registry.ts';
import { parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import { needsVerification } from '../../../tenancy/registry/verification.ts';
import type { CliCommand } from '../../framework/command.ts';
import { describeDomain, describeRecord } from '../domains/describe-domain.ts';
import { describeStanding } from './describe-standing.ts';

type Options = { schema: string; json?: true };

/** Returns the nonempty facts about a tenant, most important first. */
function factsOf(tenant: RegistryRow): ReadonlyArray<readonly [string, string]> {
  const day = (date: Date | null): string => date?.toISOString() ?? '';
  return (
    [
      ['schema', tenant.schema_name],
      ['name', tenant.name],
      ['id', tenant.id],
      ['role', tenant.role_name],
      ['type', tenant.type],
      ['status', tenant.status],
      ['retry after', tenant.retry_after === null ? '' : `${tenant.retry_after} s`],
      ['standing', describeStanding(tenant)],
      ['database', tenant.database],
      ['migrated to', tenant.migrated_to ?? 'nothing yet'],
      ['created', day(tenant.created_at)],
      ['deleted', day(tenant.deleted_at)],
      ['purge after', day(tenant.purge_after)],
      ['purge began', day(tenant.purge_started_at)],
    ] as const
  ).filter(([, fact]) => fact !== '');
}

export const showTenant: CliCommand<Options> = {
  name: 'show-tenant',
  summary: 'Show the details of one tenant.',

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .option('--json', 'print an object'),

  async run({ schema, json }, { config, ownerUrl, print }) {
    const { BASE_DOMAIN: base } = await config();
    const { tenant, domains } = await withAdminConnection(connectionTo(await ownerUrl()), async (client) => {
      const found = await findTenant(client, parseSchemaOrSite(schema));
      return { tenant: found, domains: await listDomains(client, found) };
    });
    if (json) {
      print(JSON.stringify({ ...tenant, domains }));
      return;
    }
    for (const [name, fact] of factsOf(tenant)) {
      print(`${name.padEnd(11)}  ${fact}`);
    }
    for (const domain of domains) {
      print(`${'domain'.padEnd(11)}  ${describeDomain(domain, base)}`);
      if (!domain.verified_at && needsVerification(domain.domain, base)) {
        print(`${''.padEnd(11)}  its DNS lacks, or has not been seen to have: ${describeRecord(domain)}`);
      }
    }
  },
};
