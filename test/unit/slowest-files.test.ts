import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';

import { costOfDatabases } from '../helpers/measure-server.ts';
import { costOfFiles, describeCosts, recordSlowFiles } from '../helpers/slowest-files.ts';

test('the CPU time of connections that were not seen is divided by the number of connections', (t) => {
  const databases = costOfDatabases(
    [
      { cpu: 2, database: 'kt_a_1' },
      { cpu: 1, database: 'kt_a_1' },
      { cpu: 3, database: undefined },
    ],
    new Map([
      ['kt_a_1', { count: 30, since: 10 }],
      ['kt_b_1_managed_2', { count: 10, since: 20 }],
      ['kt_c_1', { count: 0, since: 30 }],
    ]),
    10,
  );
  t.deepEqual(Object.fromEntries([...databases].map(([name, { cpu }]) => [name, cpu])), {
    kt_a_1: 6,
    kt_b_1_managed_2: 1,
    kt_c_1: 0,
  });
});

test('the databases that a process creates while it runs a file are added to the file', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'koa-tenants-measures-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const pid = 36;
  const file = path.join(import.meta.dirname, 'some.test.ts');
  writeFileSync(
    path.join(folder, 'files'),
    `${JSON.stringify({ file, pid, from: 10, until: 20, cpu: 5 })}\n`,
  );
  const found = (since: number) => ({ cpu: 1, since });
  const costs = costOfFiles(path.join(folder, 'files'), {
    total: 9,
    background: 1,
    databases: new Map([
      ['kt_10_1', found(12)],
      ['kt_10_1_managed_2', found(13)],
      ['kt_10_3', found(30)],
      ['kt_11_1', found(12)],
    ]),
  });
  t.deepEqual(costs, [{ file: 'test/unit/some.test.ts', processes: 5, server: 2, wall: 10, until: 20 }]);
});

const costOf = (file: string, wall: number, until: number) => ({
  file,
  processes: 1,
  server: 0,
  wall,
  until,
});

test('the time of the last file without another one is shown', (t) => {
  const one = costOf('test/a.test.ts', 8, 20);
  t.is(
    describeCosts([one, costOf('test/b.test.ts', 16, 25.5), costOf('test/c.test.ts', 2, 3)], null).at(-1),
    'The last file ran alone for 5.5 s: test/b.test.ts',
  );
  t.notRegex(describeCosts([one], null).join(), /alone/);
});

test('the list of slow files keeps those that a run does not include', (t) => {
  const known = { 'test/long.test.ts': 50, 'test/now-fast.test.ts': 20, 'test/other.test.ts': 9 };
  const recorded = recordSlowFiles(known, [
    costOf('test/now-fast.test.ts', 2, 20),
    costOf('test/other.test.ts', 60.4, 20),
    costOf('test/fast.test.ts', 1, 20),
  ]);
  t.deepEqual(Object.entries(recorded), [
    ['test/other.test.ts', 60],
    ['test/long.test.ts', 50],
  ]);
});
