/**
 * Compares dump and restore of a tenant with 1,000,000 rows with psql's COPY, in one run.
 *
 *   node bench/dump-restore.ts [rows] [rounds]
 *
 * psql bypasses policies and does not compress. Its target has the same columns and indexes.
 * Requires psql on the path. Only the ratios are portable: the seconds depend on this machine.
 * Writes bench/results/dump-restore.json.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { parseDomainName, parseSchemaName } from '../src/tenancy/registry/tenant.ts';
import { dumpTenant } from '../src/tenancy/transfer/dump/dump-tenant.ts';
import { restoreTenant } from '../src/tenancy/transfer/dump/restore-tenant.ts';
import { servedProject } from '../test/fixture-app/served-project.ts';
import { openWorld } from '../test/helpers/world.ts';

const rows = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 3);

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const round = (value: number): number => Math.round(value * 100) / 100;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
}

/** Returns the peak memory growth of this process during `work`, in MB. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  await work();
  clearInterval(watch);
  return Math.round((most - before) / 1e6);
}

const world = await openWorld({ project: servedProject });
const folder = await mkdtemp(path.join(tmpdir(), 'koa-tenants-bench-'));
try {
  const { schema } = await world.provision('large');
  const small = await world.provision('small');
  const fill = (into: string, count: number) =>
    world.asOwner(
      `insert into ${into}.notes (name, description)
       select 'project ' || n, repeat(md5(n::text), 3) from generate_series(1, ${count}) as n`,
    );
  await fill(schema, rows);
  await fill(small.schema, Math.round(rows / 10));
  await world.asOwner('vacuum analyze large.notes');

  const psql = (...args: readonly string[]) =>
    spawn('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', world.ownerUrl, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
  const plain = path.join(folder, 'plain.copy');
  const out = async (): Promise<void> => {
    const child = psql('-c', 'copy large.notes to stdout');
    await Promise.all([pipeline(child.stdout, createWriteStream(plain)), once(child, 'close')]);
  };
  const fresh = (name: string) =>
    world.asOwner(`create schema ${name}; create table ${name}.notes (like large.notes including all)`);
  const into = async (name: string): Promise<void> => {
    await fresh(name);
    const child = psql('-c', `copy ${name}.notes from stdin`);
    await Promise.all([pipeline(createReadStream(plain), child.stdin), once(child, 'close')]);
  };
  const piped = async (name: string): Promise<void> => {
    await fresh(name);
    const from = psql('-c', 'copy large.notes to stdout');
    const to = psql('-c', `copy ${name}.notes from stdin`);
    await Promise.all([pipeline(from.stdout, to.stdin), once(from, 'close'), once(to, 'close')]);
  };
  const file = path.join(folder, 'large.tenant');
  const dump = (of: string, where: string) =>
    dumpTenant(world.owner, of, {
      project: world.fleet.project,
      file: where,
      overwrite: true,
      declarations: {},
    });
  const restore = (where: string, name: string) =>
    restoreTenant(
      world.owner,
      { name: 'main', owner: world.owner, service: world.service },
      {
        project: world.fleet.project,
        file: where,
        schema: parseSchemaName(name),
        domains: [parseDomainName(`${name.replaceAll('_', '-')}.localhost`)],
        asCopy: true,
        declarations: {},
      },
    );
  const drop = (name: string) => world.asOwner(`drop schema ${name} cascade`);

  const seconds = { copyOut: [0], copyIn: [0], copyPiped: [0], dump: [0], restore: [0] };
  for (const list of Object.values(seconds)) {
    list.length = 0;
  }
  for (let n = 0; n < rounds; n += 1) {
    seconds.copyOut.push(await timed(out));
    seconds.dump.push(await timed(() => dump(schema, file)));
    seconds.copyIn.push(await timed(() => into(`in_${n}`)));
    await drop(`in_${n}`);
    seconds.restore.push(await timed(() => restore(file, `restored_${n}`)));
    await drop(`restored_${n}`);
    seconds.copyPiped.push(await timed(() => piped(`piped_${n}`)));
    await drop(`piped_${n}`);
    await world.asOwner('checkpoint');
  }

  const tenth = path.join(folder, 'small.tenant');
  const memory = {
    dumpTenth: await growth(() => dump(small.schema, tenth)),
    dumpAll: await growth(() => dump(schema, file)),
    restoreTenth: await growth(() => restore(tenth, 'memory_tenth')),
    restoreAll: await growth(() => restore(file, 'memory_all')),
  };

  // A small tenant, among few others and among many.
  const few: number[] = [];
  const many: number[] = [];
  const one = path.join(folder, 'one.tenant');
  for (let n = 0; n < 10; n += 1) {
    few.push(await timed(() => dump('acme', one)));
  }
  for (let n = 0; n < 300; n += 1) {
    await world.provision(`other_${n}`);
  }
  for (let n = 0; n < 10; n += 1) {
    many.push(await timed(() => dump('acme', one)));
  }

  const { copyOut, copyIn, copyPiped, dump: dumped, restore: restored } = seconds;
  const result = {
    rows,
    rounds,
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}, PostgreSQL ${world.version}`,
    seconds: Object.fromEntries(Object.entries(seconds).map(([name, all]) => [name, all.map(round)])),
    megabytes: {
      plain: Math.round((await stat(plain)).size / 1e6),
      dump: Math.round((await stat(file)).size / 1e6),
    },
    speed: {
      'dump / copy to stdout': round(median(copyOut) / median(dumped)),
      'restore / copy from stdin': round(median(copyIn) / median(restored)),
      'dump / copy | copy': round(median(copyPiped) / median(dumped)),
      'restore / copy | copy': round(median(copyPiped) / median(restored)),
      'dump + restore / copy to a file + copy from it': round(
        (median(copyOut) + median(copyIn)) / (median(dumped) + median(restored)),
      ),
      'dump + restore / copy | copy': round(median(copyPiped) / (median(dumped) + median(restored))),
    },
    memoryGrowthMB: memory,
    'time of a small dump among 300 more tenants / before': round(median(many) / median(few)),
  };
  await writeFile(
    path.join(import.meta.dirname, 'results/dump-restore.json'),
    `${JSON.stringify(result, null, 2)}\n`,
  );
  console.log(JSON.stringify(result, null, 2));
} finally {
  await rm(folder, { recursive: true, force: true });
  await world.close();
}
process.exit();
