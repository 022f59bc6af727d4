import { createGrowingCache } from '../../growing-cache.ts';

import type { SchemaName, TenantId } from './tenant.ts';

/** Schema names of tenants, for logs, metrics and the database's views. No decision depends on them. */
export type SchemaNames = Readonly<{
  record: (tenant: TenantId, schema: SchemaName) => void;
  /** Returns null for a tenant that this process has not entered yet. */
  of: (tenant: TenantId) => SchemaName | null;
}>;

/**
 * Creates a cache of the schema names that `tenancy.enter` returned. It has a schema name
 * after the process has entered the tenant, so the first request of a tenant has none.
 */
export function createSchemaNames({ max = 10_000 }: { max?: number } = {}): SchemaNames {
  const known = createGrowingCache<TenantId, SchemaName>(max);
  return {
    record: (tenant, schema) => {
      known.set(tenant, schema);
    },
    of: (tenant) => known.get(tenant) ?? null,
  };
}
