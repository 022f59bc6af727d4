import { z } from 'zod';

import type { Config } from '../../config/config.ts';
import { defineOperation, type OperationKind } from '../../tenancy/operations/operation-kind.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import { addDomain, type DomainRow, removeDomain, setPrimaryDomain } from '../../tenancy/registry/domains.ts';
import { parseDomainName } from '../../tenancy/registry/tenant.ts';
import { assertPrimaryAllowed, mayServe } from '../../tenancy/registry/verification.ts';
import { createResolveTxt, verifyDomain } from '../../tenancy/registry/verify-domain.ts';
import { domain } from './fields.ts';

const describe = ({ domain: host, is_primary: isPrimary, verified_at: verifiedAt }: DomainRow) => ({
  domain: host,
  is_primary: isPrimary,
  is_verified: verifiedAt !== null,
});

/** Returns the conditions on which a domain can be primary. */
const ruleOf = ({ BASE_DOMAIN: baseDomain, REQUIRE_DOMAIN_VERIFICATION: required }: Config) => ({
  baseDomain,
  required,
});

const addKind = (config: Config): OperationKind =>
  defineOperation({
    kind: 'add-domain',
    title: 'Add domain',
    description: 'Adds a domain to a tenant. The page of the tenant shows the DNS record that verifies it.',
    target: 'tenant-or-site',
    // Links in mails lead to the primary domain, and contain the token that resets a password.
    superuserOnly: { arguments: ['primary'] },
    afterInterruption: 'If the tenant has the domain, the operation is complete. Otherwise request it again.',
    arguments: z.strictObject({
      domain,
      primary: z.boolean().default(false).meta({ title: 'Make it the primary domain' }),
    }),
    run: async (given, { databases, tenant }) => {
      const host = parseDomainName(given.domain);
      if (given.primary) {
        assertPrimaryAllowed(host, ruleOf(config), 'Add it first, verify it, then make it primary.');
      }
      const { owner } = chooseDatabase(databases, MAIN);
      return describe(await addDomain(owner, tenant, host, { primary: given.primary }));
    },
  });

const verifyKind = ({ DNS_SERVER: server }: Config): OperationKind =>
  defineOperation({
    kind: 'verify-domain',
    title: 'Verify domain',
    description: "Looks up the tenant's token in the DNS of the domain.",
    target: 'tenant-or-site',
    repeatable: true,
    superuserOnly: { arguments: ['dns'] },
    arguments: z.strictObject({
      domain,
      dns: z.boolean().default(true).meta({
        title: 'Look up the DNS record',
        description: 'Otherwise the domain counts as verified without a lookup.',
      }),
    }),
    run: async (given, { databases, tenant }) => {
      const found = await verifyDomain(
        chooseDatabase(databases, MAIN).owner,
        tenant,
        parseDomainName(given.domain),
        given.dns ? createResolveTxt(server ?? null) : null,
      );
      return { ...describe(found.domain), changed: found.changed };
    },
  });

const setPrimaryKind = (config: Config): OperationKind =>
  defineOperation({
    kind: 'set-primary-domain',
    title: 'Make domain primary',
    description: "The tenant's links and redirects use the primary domain.",
    target: 'tenant-or-site',
    superuserOnly: { tenant: true },
    repeatable: true,
    arguments: z.strictObject({ domain }),
    run: async (given, { databases, tenant }) => {
      const host = parseDomainName(given.domain);
      const { owner } = chooseDatabase(databases, MAIN);
      await setPrimaryDomain(owner, tenant, host, (row) => mayServe(row, ruleOf(config)));
      return { domain: host, is_primary: true };
    },
  });

const removeKind: OperationKind = defineOperation({
  kind: 'remove-domain',
  title: 'Remove domain',
  description: 'The host immediately returns 404, and another tenant can add the domain.',
  target: 'tenant-or-site',
  afterInterruption: 'If the tenant no longer has the domain, the operation is complete.',
  arguments: z.strictObject({ domain }),
  run: async (given, { databases, tenant }) => {
    const host = parseDomainName(given.domain);
    await removeDomain(chooseDatabase(databases, MAIN).owner, tenant, host);
    return { domain: host };
  },
});

/** Domains of a tenant or of the public site. */
export const domainKinds = (config: Config): readonly OperationKind[] => [
  addKind(config),
  verifyKind(config),
  setPrimaryKind(config),
  removeKind,
];
