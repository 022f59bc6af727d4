import { connectionTo } from '../../../db/admin/connection-config.ts';
import { setPrimaryDomain } from '../../../tenancy/registry/domains.ts';
import { parseDomainName, parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import { mayServe } from '../../../tenancy/registry/verification.ts';
import type { CliCommand } from '../../framework/command.ts';

type Options = { schema: string; domain: string; json?: true };

export const setPrimaryDomainCommand: CliCommand<Options> = {
  name: 'set-primary-domain',
  summary: "Choose the domain that a tenant's links and redirects use.",
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .requiredOption('--domain <host>', 'one of its domains')
      .option('--json', 'print the domain as JSON'),

  async run(options, { config, ownerUrl, print }) {
    const schema = parseSchemaOrSite(options.schema);
    const domain = parseDomainName(options.domain);
    const { BASE_DOMAIN: baseDomain, REQUIRE_DOMAIN_VERIFICATION: required } = await config();
    await setPrimaryDomain(connectionTo(await ownerUrl()), schema, domain, (row) =>
      mayServe(row, { baseDomain, required }),
    );
    print(
      options.json
        ? JSON.stringify({ schema_name: schema, domain, is_primary: true })
        : `The primary domain of ${schema} is ${domain}.`,
    );
  },
};
