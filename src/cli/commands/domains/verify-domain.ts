import { connectionTo } from '../../../db/admin/connection-config.ts';
import { parseDomainName, parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import { createResolveTxt, verifyDomain } from '../../../tenancy/registry/verify-domain.ts';
import type { CliCommand } from '../../framework/command.ts';

type Options = { schema: string; domain: string; dns: boolean; json?: true };

export const verifyDomainCommand: CliCommand<Options> = {
  name: 'verify-domain',
  summary: "Verify a domain: look up the tenant's token in its DNS.",
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .requiredOption('--domain <host>', 'one of its domains')
      .option('--no-dns', 'mark the domain as verified without a DNS lookup')
      .option('--json', 'print the domain as JSON')
      .addHelpText('after', '\nThe record is _koa-tenants.<domain>; `show-tenant` has its value.'),

  async run(options, { config, ownerUrl, print }) {
    const schema = parseSchemaOrSite(options.schema);
    const domain = parseDomainName(options.domain);
    const { DNS_SERVER: server } = await config();
    const found = await verifyDomain(
      connectionTo(await ownerUrl()),
      schema,
      domain,
      options.dns ? createResolveTxt(server ?? null) : null,
    );
    print(
      options.json
        ? JSON.stringify(found.domain)
        : `Domain ${domain} ${found.changed ? 'is verified' : 'was already verified'}.`,
    );
  },
};
