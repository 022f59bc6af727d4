import { connectionTo } from '../../../db/admin/connection-config.ts';
import { removeDomain } from '../../../tenancy/registry/domains.ts';
import { parseDomainName, parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';

type Options = { schema: string; domain: string; json?: true };

export const removeDomainCommand: CliCommand<Options> = {
  name: 'remove-domain',
  summary: 'Remove a domain from a tenant. The host immediately returns 404.',
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .requiredOption('--domain <host>', 'one of its domains, except the primary one')
      .option('--json', 'print the removed domain as JSON'),

  async run(options, { ownerUrl, print }) {
    const schema = parseSchemaOrSite(options.schema);
    const domain = parseDomainName(options.domain);
    await removeDomain(connectionTo(await ownerUrl()), schema, domain);
    print(
      options.json
        ? JSON.stringify({ schema_name: schema, domain })
        : `Domain ${domain} no longer leads to ${schema}.`,
    );
  },
};
