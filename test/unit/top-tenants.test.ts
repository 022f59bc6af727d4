import test from 'ava';

import { createTopTenants, OTHER } from '../../src/observability/top-tenants.ts';

/** A counter for each label, as Prometheus reads it. It is removed with its tenant. */
function counted(maxTenants: number) {
  const counters = new Map<string, number>();
  const left: string[] = [];
  const { labelOf } = createTopTenants({
    maxTenants,
    onLeave: (schema) => {
      left.push(schema);
      counters.delete(schema);
    },
  });
  const ask = (schema: string): void => {
    const label = labelOf(schema);
    counters.set(label, (counters.get(label) ?? 0) + 1);
  };
  return { counters, left, ask };
}

test('the first maxTenants tenants have their own label, and the others are counted together', (t) => {
  const { counters, ask } = counted(2);
  for (const schema of ['a', 'b', 'c', 'd', 'a']) {
    ask(schema);
  }
  t.deepEqual(
    [...counters],
    [
      ['a', 2],
      ['b', 1],
      [OTHER, 2],
    ],
  );
});

test('a busy tenant replaces an inactive one', (t) => {
  const { counters, left, ask } = counted(2);
  ask('quiet');
  for (let at = 0; at < 3_000; at += 1) {
    ask(at % 3 === 0 ? 'steady' : 'busy');
  }
  t.deepEqual(left, ['quiet']);
  t.deepEqual([...counters.keys()].sort(), [OTHER, 'busy', 'steady']);
});

test('never uses more labels than maxTenants and (other)', (t) => {
  const { counters, ask } = counted(5);
  const seen = new Set<string>();
  for (let at = 0; at < 50_000; at += 1) {
    ask(`t_${at}`);
    ask('always');
    t.true(counters.size <= 6);
    for (const label of counters.keys()) {
      seen.add(label);
    }
  }
  t.true(counters.has('always'));
});

test('a steady tenant is selected before tenants of one request, however many there are', (t) => {
  const { counters, ask } = counted(1);
  for (let at = 0; at < 20_000; at += 1) {
    ask(at % 20 === 0 ? 'steady' : `t_${at}`);
  }
  t.deepEqual([...counters.keys()].sort(), [OTHER, 'steady']);
});

test('(other) never decreases', (t) => {
  const { counters, ask } = counted(3);
  let before = 0;
  for (let at = 0; at < 20_000; at += 1) {
    ask(`t_${((at * 7919) % 97) % (1 + (at % 40))}`);
    const now = counters.get(OTHER) ?? 0;
    t.true(now >= before);
    before = now;
  }
  t.true(before > 0);
});

test('counts all tenants together when maxTenants is 0', (t) => {
  const { counters, ask } = counted(0);
  ask('a');
  ask('b');
  t.deepEqual([...counters], [[OTHER, 2]]);
});
