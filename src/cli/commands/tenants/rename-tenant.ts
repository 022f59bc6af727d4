import { connectionTo } from '../../../db/admin/connection-config.ts';
import { OperatorError } from '../../../errors.ts';
import { renameTenant } from '../../../tenancy/lifecycle/rename-tenant.ts';
import { parseDomainName, parseSchemaName, parseTenantName } from '../../../tenancy/registry/tenant.ts';
import { assertPrimaryAllowed } from '../../../tenancy/registry/verification.ts';
import type { CliCommand } from '../../framework/command.ts';
import { integerOption } from '../../framework/integer-option.ts';
import { tenantRecord } from '../../framework/tenant-record.ts';

type Options = {
  schema: string;
  to?: string;
  name?: string;
  domain?: string;
  keepDomain: boolean;
  blockSeconds: number;
  json?: true;
};

export const renameTenantCommand: CliCommand<Options> = {
  name: 'rename-tenant',
  summary: 'Change the schema name, display name or primary domain of a tenant.',
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant')
      .option('--to <schema>', 'its new schema name')
      .option('--name <text>', 'its new display name')
      .option('--domain <host>', 'new primary domain; the old one remains as a secondary one')
      .option('--no-keep-domain', 'remove the old primary domain')
      .option('--block-seconds <n>', 'seconds to wait for requests in progress', integerOption(1, 600), 10)
      .option('--json', 'print the tenant as JSON'),

  async run(
    { schema, to, name, domain, keepDomain, blockSeconds, json },
    { project, config, ownerUrl, print },
  ) {
    if (to === undefined && name === undefined && domain === undefined) {
      throw new OperatorError('usage_invalid', 'Specify at least one change: --to, --name or --domain.');
    }
    const names = {
      schema: to === undefined ? undefined : parseSchemaName(to),
      name: name === undefined ? undefined : parseTenantName(name),
      domain: domain === undefined ? undefined : parseDomainName(domain),
      keepDomain,
    };
    const { BASE_DOMAIN: baseDomain, REQUIRE_DOMAIN_VERIFICATION: required } = await config();
    if (names.domain !== undefined) {
      assertPrimaryAllowed(
        names.domain,
        { baseDomain, required },
        'Run `add-domain`, `verify-domain` and `set-primary-domain`.',
      );
    }
    const from = parseSchemaName(schema);
    const tenant = await renameTenant(connectionTo(await ownerUrl()), from, names, blockSeconds, project);
    print(
      json
        ? JSON.stringify(tenantRecord(tenant))
        : `Tenant ${from} is now ${tenant.name} in schema ${tenant.schema} at ${tenant.domains.join(', ') || 'no domain'}.`,
    );
  },
};
