/**
 * Measures what an attack on the availability, by one client or one tenant, does to another tenant:
 *   node bench/neighbor-under-attack.ts
 *
 * One service process with one pool shard and the default limits, except for MAX_CONNECTIONS. A
 * user of globex reads a list every few milliseconds, each time on a new connection, first without
 * other load and then during an attack on acme, or by anonymous clients. Logins are measured
 * instead of reads where the attack aims at logins. Quiet and attacked halves alternate, so that
 * other load of the machine affects both.
 *
 * Bounded: each attack runs for 6 seconds, and has at most 1,200 connections and 100 MiB of rows.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

import { startMain } from '../test/cli/run.ts';
import { environmentOf, logInAt, makeUser, PASSWORD, sendRequest } from '../test/helpers/server.ts';
import { bench, type Figure } from './bench.ts';

/** Milliseconds of each half, and the number of halves of each kind. */
const HALF = 3_000;
const ROUNDS = 2;
const INTERVAL_MS = 5;

type Attack = Readonly<{ what: string; of?: 'login' }>;
const ATTACKS: readonly Attack[] = [
  { what: 'large texts before login' },
  { what: 'searches in a text of 1 MiB' },
  { what: 'pages of 100 rows of 1 MiB' },
  { what: 'connections without a request' },
  { what: 'logins with expensive hashes', of: 'login' },
  { what: 'random hostnames' },
];

const MOST_EXPENSIVE = '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21l$';
const HASH = 'x'.repeat(43);

function quantile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function startAttack(what: string, port: number, host: string, token: string) {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'attacker.ts'), what, String(port), host],
    {
      env: { ...process.env, ATTACK_TOKEN: token },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  return {
    stop: async (): Promise<Record<string, number>> => {
      child.kill('SIGTERM');
      return JSON.parse((await lines.next()).value ?? '{}');
    },
  };
}

/** Returns the largest resident memory of a process in MB. Null where there is no /proc. */
async function peakMemory(pid: number | undefined): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) / 1024;
}

await bench('neighbor-under-attack', async (world) => {
  for (const schema of ['acme', 'globex']) {
    await makeUser(world, schema, 'ann');
    await world.asOwner(
      `insert into ${schema}.notes (name) select 'note ' || n from generate_series(1, 20) as n`,
    );
  }
  const { port, child, ended } = await startMain(
    environmentOf(world, { POOL_SIZE: '10', LOG_LEVEL: 'info', MAX_CONNECTIONS: '1000' }),
  );
  try {
    const acme = await logInAt(port, world.acme.host, 'ann');
    const globex = await logInAt(port, world.globex.host, 'ann');
    await makeUser(world, 'acme', 'costly');
    await makeUser(world, 'acme', 'endless');
    // What a tenant may store at most; and what no tenant can store, as if the constraint were missing.
    await world.asOwner(
      `update acme.users set password = '${MOST_EXPENSIVE}${HASH}' where username = 'costly'`,
    );
    await world.asOwner('alter table acme.users drop constraint users__password_cost');
    await world.asOwner(
      `update acme.users set password = '${MOST_EXPENSIVE.replace('t=3', 't=3000')}${HASH}' where username = 'endless'`,
    );

    const send = {
      read: () => sendRequest(port, world.globex.host, 'GET', '/api/notes/', { token: globex }),
      login: () =>
        sendRequest(port, world.globex.host, 'POST', '/api/auth/jwt/create/', {
          body: { username: 'ann', password: PASSWORD },
        }),
    };
    const failures: Record<string, number> = {};
    const measure = async (what: string, kind: 'read' | 'login'): Promise<number[]> => {
      const times: number[] = [];
      for (const end = performance.now() + HALF; performance.now() < end; await wait(INTERVAL_MS)) {
        const started = performance.now();
        const status = await send[kind]().then(
          (answer) => answer.status,
          () => 0,
        );
        if (status === 200) {
          times.push(performance.now() - started);
        } else {
          failures[what] = (failures[what] ?? 0) + 1;
        }
      }
      return times;
    };

    await measure('warm-up', 'read');
    const statistics: Figure[] = [
      {
        name: 'load average of the machine before',
        value: loadavg()[0] ?? Number.NaN,
        unit: '',
        target: null,
      },
    ];
    for (const { what, of = 'read' } of ATTACKS) {
      if (what.includes('1 MiB')) {
        const rows = what.includes('100 rows') ? 100 : 1;
        await world.asOwner(
          `insert into acme.notes (name, description) select 'large', repeat('a', 1048576) from generate_series(1, ${rows})`,
        );
      }
      const quiet: number[] = [];
      const attacked: number[] = [];
      const answers: Record<string, number> = {};
      for (let round = 0; round < ROUNDS; round += 1) {
        quiet.push(...(await measure('quiet', of)));
        const attack = await startAttack(what, port, world.acme.host, acme);
        attacked.push(...(await measure(what, of)));
        for (const [status, count] of Object.entries(await attack.stop())) {
          answers[status] = (answers[status] ?? 0) + count;
        }
      }
      await world.asOwner(`delete from acme.notes where name = 'large'`);
      statistics.push(
        ...(['p50', 'p99'] as const).flatMap((name) => {
          const share = name === 'p50' ? 0.5 : 0.99;
          return [
            {
              name: `${what}: ${name} of a neighbor's ${of}, quiet`,
              value: quantile(quiet, share),
              unit: 'ms',
              target: null,
            },
            {
              name: `${what}: ${name} of a neighbor's ${of}, attacked`,
              value: quantile(attacked, share),
              unit: 'ms',
              target: null,
            },
          ];
        }),
        { name: `${what}: a neighbor's failed requests`, value: failures[what] ?? 0, unit: '', target: 0 },
        ...Object.entries(answers).map(([status, count]) => ({
          name: `${what}: the attacker's ${/^\d/.test(status) ? `responses with status ${status}` : status}`,
          value: count,
          unit: '',
          target: null,
        })),
      );
      const memory = await peakMemory(child.pid);
      if (memory !== null) {
        statistics.push({
          name: `${what}: largest memory of the service so far`,
          value: memory,
          unit: 'MB',
          target: null,
        });
      }
    }
    return statistics;
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
});
