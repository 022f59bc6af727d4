import test from 'ava';

import { shardOf } from '../../src/tenancy/context/pool-shards.ts';
import { tenantId } from '../../src/tenancy/registry/tenant.ts';
import fc from '../helpers/fast-check.ts';

const anyTenant = fc.uuid().map((id) => tenantId.parse(id));

test('a tenant is always assigned to the same lane', (t) => {
  fc.assert(
    fc.property(anyTenant, fc.integer({ min: 1, max: 64 }), (tenant, shards) => {
      const lane = shardOf(tenant, shards);
      t.is(lane, shardOf(tenant, shards));
      t.true(Number.isInteger(lane) && lane >= 0 && lane < shards);
    }),
  );
});

test('spreads tenants over all lanes', (t) => {
  const tenants = fc.sample(anyTenant, { numRuns: 2_000, seed: 1 });
  const share = [0, 1, 2, 3].map((lane) => tenants.filter((tenant) => shardOf(tenant, 4) === lane).length);
  t.true(Math.min(...share) > 300, share.join());
});
