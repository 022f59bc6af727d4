import type pg from 'pg';

import type { Finding } from '../../db/checks.ts';
import type { ProofKey } from './keys.ts';

/**
 * Returns a finding for each proof key in the database that is not in TENANCY_KEYS. Its owner can
 * enter every tenant, and no other check detects it.
 */
export async function checkKeys(
  client: pg.ClientBase,
  keys: readonly ProofKey[],
): Promise<readonly Finding[]> {
  const { rows } = await client.query<{ id: string; fault: string }>(
    `with configured as (
       select c.id, tenancy.pad(c.secret, 54) as inner_pad
       from unnest($1::text[], $2::bytea[]) as c (id, secret)
     )
     select
       coalesce(k.id, c.id) as id,
       case
         when c.id is null then 'can enter every tenant, and is not in TENANCY_KEYS'
         when k.id is null then 'is named by TENANCY_KEYS, and opens nothing here'
         else 'has another secret here than in TENANCY_KEYS'
       end as fault
     from (
       select p.id, p.inner_pad
       from tenancy.keys as p
       where p.purpose = 'proof'
     ) as k
     full join configured as c on c.id = k.id
     where (k.inner_pad = c.inner_pad) is not true
     order by id`,
    [keys.map(({ id }) => id), keys.map(({ secret }) => secret)],
  );
  return rows.map(({ id, fault }) => ({
    check: 'proof-keys',
    severity: 'fault' as const,
    object: `key ${id}`,
    fault,
    remedy: 'tenants migrate',
  }));
}
