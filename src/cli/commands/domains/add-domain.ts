import { connectionTo } from '../../../db/admin/connection-config.ts';
import { addDomain } from '../../../tenancy/registry/domains.ts';
import { parseDomainName, parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import { assertPrimaryAllowed, needsVerification } from '../../../tenancy/registry/verification.ts';
import type { CliCommand } from '../../framework/command.ts';
import { describeDomain, describeRecord } from './describe-domain.ts';

type Options = { schema: string; domain: string; primary?: true; json?: true };

export const addDomainCommand: CliCommand<Options> = {
  name: 'add-domain',
  summary: 'Add a domain to a tenant.',
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .requiredOption('--domain <host>', 'for example shop.acme.com')
      .option('--primary', 'make it the primary domain')
      .option('--json', 'print the domain as JSON'),

  async run(options, { config, ownerUrl, print, note }) {
    const schema = parseSchemaOrSite(options.schema);
    const domain = parseDomainName(options.domain);
    const { BASE_DOMAIN: base, REQUIRE_DOMAIN_VERIFICATION: required } = await config();
    const mustVerify = needsVerification(domain, base);
    if (options.primary) {
      assertPrimaryAllowed(
        domain,
        { baseDomain: base, required },
        'Add it without --primary, run `verify-domain`, then `set-primary-domain`.',
      );
    }
    const row = await addDomain(connectionTo(await ownerUrl()), schema, domain, {
      primary: options.primary === true,
    });
    print(options.json ? JSON.stringify(row) : `Domain added to ${schema}: ${describeDomain(row, base)}.`);
    if (mustVerify) {
      note(
        `${required ? 'It is served when' : 'It is already served, and is verified when'} its DNS has this record and \`verify-domain\` has found it:\n  ${describeRecord(row)}`,
      );
    }
  },
};
