import test from 'ava';

import { createDirectory } from '../../src/tenancy/context/directory.ts';
import { createHostLookup } from '../../src/tenancy/context/host-lookup.ts';
import type { ResolvedTenant } from '../../src/tenancy/registry/tenant.ts';

const tenant = { id: 'acme' } as ResolvedTenant;

/** Creates a lookup whose queries the test answers one at a time. */
function controlled() {
  const queries: Array<{ hosts: readonly string[]; answer: () => void; fail: () => void }> = [];
  const lookup = createHostLookup(
    (hosts) =>
      new Promise((resolve, reject) => {
        queries.push({
          hosts,
          answer: () => resolve(new Map(hosts.includes('acme') ? [['acme', tenant]] : [])),
          fail: () => reject(new Error('down')),
        });
      }),
  );
  return { queries, lookup };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('looks waiting hosts up in one query, at most 100 at a time', async (t) => {
  const { queries, lookup } = controlled();
  const all = Array.from({ length: 250 }, (_, at) => lookup(`host${at}`, false));
  t.is(queries.length, 1);
  for (let at = 0; at < 4; at += 1) {
    queries[at]?.answer();
    await settled();
  }
  t.deepEqual(
    queries.map(({ hosts }) => hosts.length),
    [1, 100, 100, 49],
  );
  t.deepEqual(new Set(await Promise.all(all)), new Set([null]));
});

test('looks up a known host before unknown ones', async (t) => {
  const { queries, lookup } = controlled();
  const unknown = Array.from({ length: 500 }, (_, at) => lookup(`host${at}`, false).catch(() => 'failed'));
  const known = lookup('acme', true);
  t.deepEqual(queries[1]?.hosts, ['acme']);
  queries[1]?.answer();
  t.is(await known, tenant);
  for (let at = 0; at < 7; at += 1) {
    queries[at]?.fail();
    await settled();
  }
  t.deepEqual(new Set(await Promise.all(unknown)), new Set(['failed']));
});

test('rejects unknown hosts when 1,000 are waiting', (t) => {
  const { lookup } = controlled();
  for (let at = 0; at < 1_001; at += 1) {
    void lookup(`host${at}`, false);
  }
  t.throws(() => lookup('one more', false), { message: 'Too many unknown hosts. Try again shortly.' });
  t.notThrows(() => lookup('acme', true));
});

test('unknown hosts do not evict known ones', async (t) => {
  const asked: Array<readonly [string, boolean]> = [];
  const directory = createDirectory({
    ttl: 3600,
    max: 10,
    lookUp: async (host, isKnown) => {
      asked.push([host, isKnown]);
      return host === 'acme' ? tenant : null;
    },
  });
  await directory.find('acme');
  for (let at = 0; at < 100; at += 1) {
    await directory.find(`host${at}`);
  }
  asked.length = 0;
  t.is(await directory.find('acme'), tenant);
  t.deepEqual(asked, []);
  directory.invalidateAll();
  await directory.find('acme');
  await directory.find('host1');
  t.deepEqual(asked, [
    ['acme', true],
    ['host1', false],
  ]);
});
