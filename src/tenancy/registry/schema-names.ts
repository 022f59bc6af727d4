import { LRUCache } from 'lru-cache';

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
  // With `max`, the arrays for all entries would be allocated now.
  const known = new LRUCache<TenantId, SchemaName>({ maxSize: max, sizeCalculation: () => 1 });
  return {
    record: (tenant, schema) => {
      known.set(tenant, schema);
    },
    of: (tenant) => known.get(tenant) ?? null,
  };
}
