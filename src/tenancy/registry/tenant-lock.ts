import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import { ApiError, DomainError } from '../../errors.ts';
import type { Tenant } from './tenant.ts';

/**
 * Blocks all requests of a tenant until the transaction of `client` ends.
 *
 * `tenancy.enter` takes the same lock in shared mode without waiting: from this call on new requests
 * get status 503, while those in progress have `seconds` to end.
 *
 * @throws DomainError `tenant_busy` when they do not
 */
export async function lockTenant(
  client: pg.ClientBase,
  { id, schema }: Pick<Tenant, 'id' | 'schema'>,
  seconds: number,
): Promise<void> {
  await client.query(`select set_config('lock_timeout', $1, true)`, [`${seconds}s`]);
  try {
    await client.query('select pg_catalog.pg_advisory_xact_lock(hashtextextended($1, 0))', [id]);
  } catch (error) {
    throw hasSqlState(error, SQLSTATE.LOCK_NOT_AVAILABLE)
      ? new ApiError(
          'tenant_busy',
          `Requests of "${schema}" did not end within ${seconds} s. Nothing was changed. Try again, or raise --block-seconds.`,
        )
      : error;
  }
}

/**
 * Waits until the requests that have entered a tenant have ended. Returns false if some have not after
 * `seconds`.
 */
export async function drainTenant(
  owner: pg.ClientConfig,
  tenant: Pick<Tenant, 'id' | 'schema'>,
  seconds: number,
): Promise<boolean> {
  try {
    await withAdminConnection(owner, (client) => lockTenant(client, tenant, seconds));
    return true;
  } catch (error) {
    if (error instanceof DomainError && error.code === 'tenant_busy') {
      return false;
    }
    throw error;
  }
}
