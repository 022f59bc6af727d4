/**
 * Measures the memory of the real service over many requests of four tenants:
 *   node bench/soak.ts [requests, 500000]
 *
 * Reads, writes, rejected requests and logins. Reads the heap after a collection, through the
 * inspector, and RSS, fifty times. Fails when the heap of the last fifth is more than 5 % above
 * that of the first, or when a request failed.
 */
import { readFile } from 'node:fs/promises';
import autocannon from 'autocannon';

import { startMain } from '../test/cli/run.ts';
import { openHeap } from '../test/helpers/heap.ts';
import { environmentOf, logInAt, makeUser } from '../test/helpers/server.ts';
import { bench, median } from './bench.ts';

const REQUESTS = Number(process.argv[2] ?? 500_000);
const SAMPLES = 50;
const SHARE = 5;

async function residentMemory(pid: number | undefined): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
}

await bench('soak', async (world) => {
  const members = [
    world.acme,
    world.globex,
    await world.provision('initech'),
    await world.provision('hooli'),
  ];
  for (const { schema } of members) {
    await makeUser(world, schema, 'alice');
    await world.asOwner(
      `insert into ${schema}.notes (name) select 'project ' || n from generate_series(1, 50) as n`,
    );
  }
  const main = await startMain(
    environmentOf(world, {
      NODE_OPTIONS: '--inspect=127.0.0.1:0',
      LANES: '2',
      POOL_SIZE: '8',
      // Longer than the run. Every connection is replaced several times during it.
      ACCESS_TOKEN_LIFETIME: '86400',
      CONNECTION_MAX_AGE: '30',
      DIRECTORY_TTL: '5',
    }),
  );
  try {
    const heap = await openHeap(main);
    const requests: autocannon.Request[] = [];
    for (const { host } of members) {
      const token = await logInAt(main.port, host, 'alice');
      const headers = { host, authorization: `Bearer ${token}` };
      const json = { ...headers, 'content-type': 'application/json' };
      requests.push(
        { method: 'GET', path: '/api/notes/', headers },
        { method: 'PATCH', path: '/api/notes/1/', headers: json, body: '{"description":"changed"}' },
        { method: 'GET', path: '/api/notes/?search=project&page=2&ordering=-name', headers },
        { method: 'GET', path: '/api/notes/999999/', headers },
        { method: 'POST', path: '/api/notes/', headers: json, body: '{"name":' },
        { method: 'GET', path: '/api/notes/', headers: { host } },
        { method: 'GET', path: '/api/notes/', headers: { host: `no-${host}` } },
      );
    }
    const used: number[] = [];
    const resident: number[] = [];
    let completed = 0;
    let failed = 0;
    const start = performance.now();
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const {
        errors,
        timeouts,
        statusCodeStats = {},
      } = await autocannon({
        url: `http://127.0.0.1:${main.port}`,
        amount: Math.ceil(REQUESTS / SAMPLES),
        connections: 16,
        requests,
      });
      failed += errors + timeouts;
      for (const [status, { count = 0 }] of Object.entries(statusCodeStats)) {
        completed += count;
        failed += Number(status) >= 500 ? count : 0;
      }
      for (const { host } of members) {
        await logInAt(main.port, host, 'alice');
      }
      used.push(await heap.used());
      resident.push(await residentMemory(main.child.pid));
      // The helper keeps them for tests.
      main.lines.length = 0;
    }
    const seconds = (performance.now() - start) / 1000;
    heap.close();
    const fifth = SAMPLES / 5;
    const [first, last] = [median(used.slice(0, fifth)), median(used.slice(-fifth))];
    main.child.kill('SIGTERM');
    return [
      { name: 'requests', value: completed, unit: '', target: null },
      {
        name: 'requests a second, client and PostgreSQL on the same cores',
        value: completed / seconds,
        unit: '',
        target: null,
      },
      { name: 'requests without a response, or with a 5xx', value: failed, unit: '', target: 0 },
      { name: 'heap after collection, first fifth', value: first, unit: 'MB', target: null },
      { name: 'heap after collection, last fifth', value: last, unit: 'MB', target: null },
      { name: 'growth of the heap', value: (last / first - 1) * 100, unit: '%', target: SHARE },
      { name: 'RSS, first fifth', value: median(resident.slice(0, fifth)), unit: 'MB', target: null },
      { name: 'RSS, last fifth', value: median(resident.slice(-fifth)), unit: 'MB', target: null },
      { name: 'exit code after SIGTERM', value: (await main.ended) ?? 1, unit: '', target: 0 },
    ];
  } finally {
    main.child.kill('SIGKILL');
  }
});
process.exit();
