import { LRUCache } from 'lru-cache';

import type { SchemaName, TenantId } from './tenant.ts';

/** Schemas of tenants, for who reads logs, metrics and the database's own views. Nothing is decided by them. */
export type SchemaNames = Readonly<{
  remember: (tenant: TenantId, schema: SchemaName) => void;
  /** Null for one that this process has not entered yet. */
  of: (tenant: TenantId) => SchemaName | null;
}>;

/**
 * Remembers what `tenancy.enter` said last of each tenant. A process is not told
 * a schema before it has entered it, so the first request of one is without.
 */
export function createSchemaNames({ max = 10_000 }: { max?: number } = {}): SchemaNames {
  const known = new LRUCache<TenantId, SchemaName>({ max });
  return {
    remember: (tenant, schema) => {
      known.set(tenant, schema);
    },
    of: (tenant) => known.get(tenant) ?? null,
  };
}
