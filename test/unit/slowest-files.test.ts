import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';

import { costOfDatabases } from '../helpers/measure-server.ts';
import { costOfFiles } from '../helpers/slowest-files.ts';

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
  t.deepEqual(costs, [{ file: 'test/unit/some.test.ts', processes: 5, server: 2, wall: 10 }]);
});
