import type Router from '@koa/router';
import { sql } from 'slonik';
import { z } from 'zod';

import type { RouteDependencies } from '../../../definition/dependencies.ts';
import { operation } from '../../../http/openapi/description.ts';
import { isStaff, permit } from '../../../http/permissions.ts';
import { resource } from '../../../http/resource.ts';
import type { State } from '../../../http/state.ts';
import { needsVerification, verificationRecord } from '../../../tenancy/registry/verification.ts';

const row = z
  .object({
    domain: z.string(),
    is_primary: z.boolean(),
    verified_at: z.date().nullable(),
    verification_token: z.string(),
  })
  .strict();

const domain = z
  .object({
    domain: z.string(),
    is_primary: z.boolean(),
    is_verified: z
      .boolean()
      .describe('Also true for subdomains of the base domain, which need no verification.'),
    dns_record: z
      .object({ name: z.string(), type: z.literal('TXT'), value: z.string() })
      .nullable()
      .describe('The record that verifies the domain. Null: it needs none.'),
  })
  .meta({ id: 'OwnDomain' });

const selectDomains = sql.type(row)`
  select domain, is_primary, verified_at, verification_token
  from tenancy.my_domain_records()
`;

/** Creates `/api/domains/`: the tenant's own domains, for its staff. */
export function domainsRoute(
  router: Router<State>,
  { stacks, environment: { BASE_DOMAIN } }: Pick<RouteDependencies, 'stacks' | 'environment'>,
): void {
  resource(router, '/api/domains', [...stacks.always.authenticated, permit(isStaff)], {
    GET: operation({ summary: "List the tenant's domains", response: z.array(domain) }, async (ctx) => {
      const rows = await ctx.state.tx.any(selectDomains);
      ctx.body = rows.map((found) => {
        const isOpen = found.verified_at === null && needsVerification(found.domain, BASE_DOMAIN);
        const { name, value } = verificationRecord(found);
        return {
          domain: found.domain,
          is_primary: found.is_primary,
          is_verified: !isOpen,
          dns_record: isOpen ? { name, type: 'TXT' as const, value } : null,
        };
      });
    }),
  });
}
