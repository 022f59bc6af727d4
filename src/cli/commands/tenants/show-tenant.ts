import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { connectionTo } from '../../../db/admin/connection-config.ts';
import { listDomains } from '../../../tenancy/registry/domains.ts';
import { findTenant } from '../../../tenancy/registry/registry.ts';
import { parseSchemaOrSite, type Tenant } from '../../../tenancy/registry/tenant.ts';
import { needsVerification } from '../../../tenancy/registry/verification.ts';
import type { CliCommand } from '../../framework/command.ts';
import { tenantRecord } from '../../framework/tenant-record.ts';
import { describeDomain, describeRecord } from '../domains/describe-domain.ts';
import { describePayment } from './describe-payment.ts';

type Options = { schema: string; json?: true };

/** Returns the nonempty facts about a tenant, most important first. */
function factsOf(tenant: Tenant): ReadonlyArray<readonly [string, string]> {
  const day = (date: Date | null): string => date?.toISOString() ?? '';
  return (
    [
      ['schema', tenant.schema],
      ['name', tenant.name],
      ['id', tenant.id],
      ['role', tenant.role],
      ['type', tenant.type],
      ['status', tenant.status],
      ['retry after', tenant.retryAfter === null ? '' : `${tenant.retryAfter} s`],
      ['payment', describePayment(tenant)],
      ['database', tenant.database],
      ['migrated to', tenant.migratedTo ?? 'nothing yet'],
      ['created', day(tenant.createdAt)],
      ['deleted', day(tenant.deletedAt)],
      ['purge after', day(tenant.purgeAfter)],
      ['purge started', day(tenant.purgeStartedAt)],
    ] as const
  ).filter(([, fact]) => fact !== '');
}

export const showTenant: CliCommand<Options> = {
  name: 'show-tenant',
  summary: 'Show the details of one tenant.',
  audited: false,

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
      print(JSON.stringify({ ...tenantRecord(tenant), domains }));
      return;
    }
    for (const [name, fact] of factsOf(tenant)) {
      print(`${name.padEnd(11)}  ${fact}`);
    }
    for (const domain of domains) {
      print(`${'domain'.padEnd(11)}  ${describeDomain(domain, base)}`);
      if (!domain.verified_at && needsVerification(domain.domain, base)) {
        print(`${''.padEnd(11)}  required DNS record, not verified: ${describeRecord(domain)}`);
      }
    }
  },
};
