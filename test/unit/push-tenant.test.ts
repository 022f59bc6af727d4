import test from 'ava';

import { pushOneAtATime } from '../../src/tenancy/context/push-tenant.ts';
import type { TenantId } from '../../src/tenancy/registry/tenant.ts';

test('pushes a tenant once at a time, and once more after changes during a push', async (t) => {
  const begun: string[] = [];
  let finish = Promise.withResolvers<void>();
  const push = pushOneAtATime(async (tenant) => {
    begun.push(tenant);
    await finish.promise;
  });
  const turn = () => new Promise(setImmediate);
  const [one, other] = ['one', 'other'] as unknown as [TenantId, TenantId];
  for (const tenant of [one, one, other, one]) {
    push(tenant);
  }
  t.deepEqual(begun, ['one', 'other']);
  finish.resolve();
  finish = Promise.withResolvers();
  await turn();
  t.deepEqual(begun, ['one', 'other', 'one'], 'two changes are one push');
  finish.resolve();
  await turn();
  push(other);
  t.deepEqual(begun, ['one', 'other', 'one', 'other']);
});
