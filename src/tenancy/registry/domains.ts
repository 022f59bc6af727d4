import type pg from 'pg';
import { z } from 'zod';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { type DomainError, OperatorError } from '../../errors.ts';
import { claimTenant, findTenant } from './registry.ts';
import type { DomainName, Tenant } from './tenant.ts';

const domainRow = z
  .object({
    domain: z.string(),
    is_primary: z.boolean(),
    verified_at: z.date().nullable(),
    verification_token: z.string(),
  })
  .strict();

export type DomainRow = z.infer<typeof domainRow>;

const isTaken = (error: unknown): boolean => (error as { constraint?: string }).constraint === 'domains_pkey';

const taken = (domain: DomainName): DomainError =>
  new OperatorError(
    'domain_taken',
    `A tenant with the domain "${domain}" already exists. Choose another domain.`,
  );

/** Returns a tenant's domains, the primary one first. */
export async function listDomains(
  client: pg.ClientBase,
  { id }: Pick<Tenant, 'id'>,
): Promise<readonly DomainRow[]> {
  const { rows } = await client.query(
    `
    select d.domain, d.is_primary, d.verified_at, d.verification_token
    from public.domains as d
    where d.tenant_id = $1
    order by d.is_primary desc, d.domain
  `,
    [id],
  );
  return rows.map((row) => domainRow.parse(row));
}

/**
 * Returns a domain of a tenant.
 *
 * @throws DomainError `tenant_not_found`, or `domain_not_found` when it belongs to another tenant or
 *   to none
 */
export async function findDomain(
  client: pg.ClientBase,
  schema: string,
  domain: DomainName,
): Promise<{ tenant: Tenant; domain: DomainRow }> {
  const tenant = await findTenant(client, schema);
  const found = (await listDomains(client, tenant)).find((row) => row.domain === domain);
  if (!found) {
    throw new OperatorError(
      'domain_not_found',
      `"${domain}" is not a domain of "${schema}", which has ${tenant.domains.join(', ') || 'none'}.`,
    );
  }
  return { tenant, domain: found };
}

async function insertDomain(
  client: pg.ClientBase,
  { id }: Pick<Tenant, 'id'>,
  domain: DomainName,
  { primary }: { primary: boolean },
): Promise<void> {
  if (primary) {
    await client.query('update public.domains set is_primary = false where tenant_id = $1 and is_primary', [
      id,
    ]);
  }
  await client.query('insert into public.domains (domain, tenant_id, is_primary) values ($1, $2, $3)', [
    domain,
    id,
    primary,
  ]);
}

async function makePrimary(client: pg.ClientBase, tenant: string, domain: string): Promise<void> {
  // Two statements, because the index allows one primary domain at any moment.
  await client.query(
    'update public.domains set is_primary = false where tenant_id = $1 and is_primary and domain <> $2',
    [tenant, domain],
  );
  await client.query('update public.domains set is_primary = true where tenant_id = $1 and domain = $2', [
    tenant,
    domain,
  ]);
}

/**
 * Adds a domain to a tenant. The first one becomes its primary domain.
 *
 * @throws DomainError `tenant_not_found` or `domain_taken`
 */
export async function addDomain(
  owner: pg.ClientConfig,
  schema: string,
  domain: DomainName,
  { primary }: { primary: boolean },
): Promise<DomainRow> {
  try {
    return await withAdminConnection(owner, async (client) => {
      const tenant = await claimTenant(client, schema);
      await insertDomain(client, tenant, domain, { primary: primary || tenant.domains.length === 0 });
      return (await findDomain(client, schema, domain)).domain;
    });
  } catch (error) {
    throw isTaken(error) ? taken(domain) : error;
  }
}

/**
 * Removes a domain. Requests to the host then receive 404, and another tenant can add the domain.
 *
 * @throws DomainError `tenant_not_found`, `domain_not_found`, or `usage_invalid` for the primary
 *   domain
 */
export async function removeDomain(
  owner: pg.ClientConfig,
  schema: string,
  domain: DomainName,
): Promise<void> {
  await withAdminConnection(owner, async (client) => {
    await claimTenant(client, schema);
    const { domain: found } = await findDomain(client, schema, domain);
    if (found.is_primary) {
      throw new OperatorError(
        'usage_invalid',
        `"${domain}" is the primary domain of "${schema}". Make another one primary first: \`set-primary-domain\`.`,
      );
    }
    await client.query('delete from public.domains where domain = $1', [domain]);
  });
}

/**
 * Makes one of a tenant's domains the primary one, which links and redirects use.
 *
 * @throws DomainError `tenant_not_found`, `domain_not_found`, or `domain_not_verified` when `mayServe`
 *   returns false for the host
 */
export async function setPrimaryDomain(
  owner: pg.ClientConfig,
  schema: string,
  domain: DomainName,
  mayServe: (domain: DomainRow) => boolean,
): Promise<void> {
  await withAdminConnection(owner, async (client) => {
    const { id } = await claimTenant(client, schema);
    const { domain: found } = await findDomain(client, schema, domain);
    if (!mayServe(found)) {
      throw new OperatorError(
        'domain_not_verified',
        `"${domain}" must be verified first. Run \`verify-domain --schema ${schema} --domain ${domain}\`.`,
      );
    }
    await makePrimary(client, id, domain);
  });
}

/**
 * Replaces the primary domain for a rename. The old one is kept as a further domain or removed. If the
 * tenant already has the new domain, it becomes the primary one.
 *
 * @throws OperatorError `domain_taken`
 */
export async function replacePrimaryDomain(
  client: pg.ClientBase,
  tenant: Tenant,
  domain: DomainName,
  { keep }: { keep: boolean },
): Promise<void> {
  const [former] = tenant.domains;
  if (former === domain) {
    return;
  }
  if (tenant.domains.includes(domain)) {
    await makePrimary(client, tenant.id, domain);
  } else {
    await insertDomain(client, tenant, domain, { primary: true }).catch((error: unknown) => {
      throw isTaken(error) ? taken(domain) : error;
    });
  }
  if (!keep && former !== undefined) {
    await client.query('delete from public.domains where domain = $1', [former]);
  }
}
