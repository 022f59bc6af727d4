import pg from 'pg';

import type { Tenant } from '../registry/tenant.ts';

/**
 * Returns SQL that enters a tenant: its path, and the context without which forced row-level security
 * hides its rows from their owner too.
 */
export const insideSql = ({ schema }: Pick<Tenant, 'schema'>): string =>
  `set local search_path = ${pg.escapeIdentifier(schema)}, extensions, pg_temp; select tenancy.enter_owner(current_schema())`;

/** SQL that applies the policy to everything in the tenant, in the transaction that created it. */
export const PROTECT = 'select tenancy.protect_schema(current_schema())';
