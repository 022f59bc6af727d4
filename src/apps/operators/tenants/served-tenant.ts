import { ApiError } from '../../../errors.ts';
import { orNotFound } from '../../../http/identifier.ts';
import type { ResolvedTenant } from '../../../tenancy/registry/tenant.ts';
import type { OperatorDependencies } from '../operator-stacks.ts';

/**
 * Returns the tenant of a schema, with what the service needs to enter it, such as the database and the pool shard. It is
 * found by its primary domain, as for a request of its users.
 *
 * @throws ApiError `not_found`; `conflict` for a tenant that has no domain or is deleted
 */
export async function findServedTenant(
  { operators, directory }: Pick<OperatorDependencies, 'operators' | 'directory'>,
  schema: string,
): Promise<ResolvedTenant> {
  const { domain } = orNotFound(await operators.tenant(schema));
  const tenant = domain === null ? null : await directory.find(domain);
  if (!tenant || tenant.isSite) {
    throw new ApiError('conflict', 'The tenant is not served: it is deleted or has no domain.');
  }
  return tenant;
}
