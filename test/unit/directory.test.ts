import test from 'ava';

import { createDirectory } from '../../src/tenancy/context/directory.ts';
import type { ResolvedTenant, TenantId } from '../../src/tenancy/registry/tenant.ts';

const tenant = (id: string): ResolvedTenant => ({
  id: id as TenantId,
  status: 'active',
  isSite: false,
  keyGeneration: 1,
  migratedTo: null,
  transactionalApplied: 0,
  retryAfter: 60,
  primaryDomain: `${id}.localhost`,
  lane: null,
  database: 'main',
});

function counted(answers: Record<string, ResolvedTenant | null> = { acme: tenant('acme') }) {
  const asked: string[] = [];
  const directory = createDirectory({
    ttl: 3600,
    lookUp: async (host) => {
      asked.push(host);
      return answers[host] ?? null;
    },
  });
  return { directory, asked, answers };
}

test('looks a host up once, whether known or unknown', async (t) => {
  const { directory, asked } = counted();
  for (let time = 0; time < 3; time += 1) {
    t.is((await directory.find('acme'))?.id, 'acme' as TenantId);
    t.is(await directory.find('nobody'), null);
  }
  t.deepEqual(asked, ['acme', 'nobody']);
});

test('concurrent requests share one lookup', async (t) => {
  const { directory, asked } = counted();
  await Promise.all(Array.from({ length: 100 }, () => directory.find('acme')));
  t.deepEqual(asked, ['acme']);
});

test('a failed lookup fails for every waiting request, and is not cached', async (t) => {
  let up = false;
  const directory = createDirectory({
    ttl: 3600,
    lookUp: async () => {
      if (!up) {
        throw new Error('down');
      }
      return tenant('acme');
    },
  });
  const results = await Promise.allSettled([directory.find('acme'), directory.find('acme')]);
  t.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  up = true;
  t.truthy(await directory.find('acme'));
});

test('removes one tenant by its id under all its hosts', async (t) => {
  const { directory, asked } = counted({ one: tenant('acme'), two: tenant('acme'), other: tenant('globex') });
  for (const host of ['one', 'two', 'other']) {
    await directory.find(host);
  }
  directory.invalidateTenant('acme');
  for (const host of ['one', 'two', 'other']) {
    await directory.find(host);
  }
  t.deepEqual(asked, ['one', 'two', 'other', 'one', 'two']);
});

test('removes an unknown host by its name', async (t) => {
  const { directory, asked, answers } = counted();
  t.is(await directory.find('new'), null);
  answers.new = tenant('new');
  t.is(await directory.find('new'), null);
  directory.invalidateHost('new');
  t.truthy(await directory.find('new'));
  t.deepEqual(asked, ['new', 'new']);
});

test('clears all entries when notifications may have been missed', async (t) => {
  const { directory, asked } = counted();
  await directory.find('acme');
  await directory.find('nobody');
  directory.invalidateAll();
  await directory.find('acme');
  await directory.find('nobody');
  t.is(asked.length, 4);
});

for (const invalidate of ['invalidateAll', 'invalidateHost', 'invalidateTenant'] as const) {
  test(`a lookup in progress during ${invalidate} is neither cached nor shared with later requests`, async (t) => {
    const resolvers: Array<(found: ResolvedTenant) => void> = [];
    const directory = createDirectory({
      ttl: 3600,
      lookUp: () => new Promise((answer) => resolvers.push(answer)),
    });
    const before = directory.find('acme');
    directory[invalidate]('acme');
    const after = directory.find('acme');
    t.is(resolvers.length, 2);
    resolvers[1]?.({ ...tenant('acme'), status: 'suspended' });
    resolvers[0]?.(tenant('acme'));
    t.is((await before)?.status, 'active');
    t.is((await after)?.status, 'suspended');
    t.is((await directory.find('acme'))?.status, 'suspended');
  });
}

test('caches at most the maximum number of hosts', async (t) => {
  const asked: string[] = [];
  const directory = createDirectory({
    ttl: 3600,
    max: 10,
    lookUp: async (host) => {
      asked.push(host);
      return null;
    },
  });
  for (let index = 0; index < 50; index += 1) {
    await directory.find(`host-${index}`);
  }
  await directory.find('host-0');
  t.is(asked.length, 51);
});
