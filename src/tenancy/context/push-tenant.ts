import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';
import { MAIN } from '../registry/databases.ts';
import type { TenantId } from '../registry/tenant.ts';
import type { ProofKey } from './keys.ts';
import { signMessage } from './proof.ts';

type QueryOne = Pick<CommonQueryMethods, 'one'>;

const copyRow = z.strictObject({ database: z.string().nullable(), copy: z.string().nullable() });
const importResult = z.strictObject({ changed: z.boolean() });

/**
 * Copies the registry row of a tenant from main to the tenant's database, with the service's login.
 * Without it, that database would use an outdated status, payment date and domains. Returns whether
 * the row changed there.
 *
 * For tenants of main and unknown tenants it sends one query and returns false.
 */
export async function pushTenant(
  databases: Readonly<Record<string, QueryOne>>,
  key: ProofKey,
  tenant: TenantId,
): Promise<boolean> {
  const request = signMessage(key, `export|${tenant}`);
  const { database, copy } = (await databases[MAIN]?.one(sql.type(copyRow)`
    select
      c.copy ->> 'database' as database,
      c.copy::text as copy
    from tenancy.export_copy(${tenant}, ${request.expires}, ${request.text}) as c (copy)
  `)) ?? { database: null, copy: null };
  const other = database === null || database === MAIN ? undefined : databases[database];
  if (!other || copy === null) {
    return false;
  }
  const proof = signMessage(key, `import|${copy}`);
  const { changed } = await other.one(sql.type(importResult)`
    select tenancy.import_copy(${copy}, ${proof.expires}, ${proof.text}) as changed
  `);
  return changed;
}

/**
 * Returns a function that calls `push` for a tenant, with one call for it at a time. A call while that one runs is made
 * once more after it: two concurrent pushes of a tenant could write the older row last. `push` must not throw.
 */
export function pushOneAtATime(push: (tenant: TenantId) => Promise<void>): (tenant: TenantId) => void {
  const running = new Map<TenantId, { isOutdated: boolean }>();
  const run = async (tenant: TenantId): Promise<void> => {
    const state = { isOutdated: true };
    running.set(tenant, state);
    while (state.isOutdated) {
      state.isOutdated = false;
      await push(tenant);
    }
    running.delete(tenant);
  };
  return (tenant) => {
    const state = running.get(tenant);
    if (state) {
      state.isOutdated = true;
    } else {
      void run(tenant);
    }
  };
}
