import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import test, { type ExecutionContext } from 'ava';
import pg from 'pg';

import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/dev/embedded-postgres/start-embedded-postgres.ts';
import { OperatorError } from '../../src/errors.ts';

const MODULE = new URL('../../src/dev/embedded-postgres/start-embedded-postgres.ts', import.meta.url).href;
const IS_ROOT = userInfo().uid === 0;

/** A folder for data, removed after the test, its server stopped. */
async function newDataDir(t: ExecutionContext): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'koa-tenants-embedded-'));
  t.teardown(() => rm(dataDir, { recursive: true, force: true }));
  return dataDir;
}

/** Data directory of a stopped server. */
let stopped: string;
test.before(async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'koa-tenants-embedded-'));
  const server = await startEmbeddedPostgres({ dataDir, durable: false });
  await server.stop();
  // For root, it may be another directory than the requested one: see the last test.
  stopped = server.dataDir;
  // Without this file, the server of each copy chooses a free port.
  await rm(join(stopped, 'port'));
});
test.after.always(() => rm(stopped, { recursive: true, force: true }));

/** Returns a copy of the data directory, because creating one takes longer than everything else in a test. */
async function copiedDataDir(t: ExecutionContext): Promise<string> {
  const dataDir = await newDataDir(t);
  // `-a` keeps the owner: PostgreSQL rejects data of another one.
  await promisify(execFile)('cp', ['-a', `${stopped}/.`, dataDir]);
  return dataDir;
}

async function start(t: ExecutionContext, dataDir: string, durable = false): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, durable });
  t.teardown(() => server.stop());
  return server;
}

/** Starts a server in another process, which stays. */
async function startElsewhere(
  t: ExecutionContext,
  dataDir: string,
): Promise<{ starter: ChildProcess; url: string }> {
  const starter = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { startEmbeddedPostgres } from ${JSON.stringify(MODULE)};
       const { url } = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, durable: false });
       console.log(url);
       setInterval(() => {}, 1000);`,
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  t.teardown(() => starter.kill('SIGKILL'));
  const [url] = await once(createInterface(starter.stdout), 'line');
  return { starter, url: String(url) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function runQuery(url: string, sql: string): Promise<string | undefined> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<{ answer: string }>(sql);
    return rows[0]?.answer;
  } finally {
    await client.end();
  }
}

async function write(url: string, word: string): Promise<void> {
  await runQuery(url, 'create table words (word text)');
  await runQuery(url, `insert into words values ('${word}')`);
}

const words = (url: string) =>
  runQuery(url, `select string_agg(word, ' ' order by word) as answer from words`);

const pidFile = (server: EmbeddedPostgres) => join(server.dataDir, 'cluster', 'postmaster.pid');

async function serverPid(server: EmbeddedPostgres): Promise<number> {
  return Number((await readFile(pidFile(server), 'utf8')).split('\n')[0]);
}

test('finds the data of the first start on a second start, with the same URL, and creates nothing', async (t) => {
  const dataDir = await newDataDir(t);
  const identifier = (url: string) =>
    runQuery(url, 'select c.system_identifier::text as answer from pg_control_system() as c');
  const first = await start(t, dataDir);
  await write(first.url, 'kept');
  const created = await identifier(first.url);
  await first.stop();

  const second = await start(t, dataDir);
  t.false(second.adopted);
  t.is(second.url, first.url);
  t.is(await words(second.url), 'kept');
  t.is(await identifier(second.url), created);
});

test('stops a server that is already stopped, and then accepts no connections', async (t) => {
  const server = await start(t, await copiedDataDir(t));
  await server.stop();
  await server.stop();
  await t.throwsAsync(runQuery(server.url, 'select 1'), { code: 'ECONNREFUSED' });
});

test('adopts a server whose starting process was killed, and stops it', async (t) => {
  const dataDir = await copiedDataDir(t);
  const { starter, url } = await startElsewhere(t, dataDir);
  await write(url, 'orphan');
  await kill(starter);

  const server = await start(t, dataDir);
  t.true(server.adopted);
  t.is(server.url, url);
  t.is(await words(server.url), 'orphan');
  await server.stop();
  await t.throwsAsync(runQuery(url, 'select 1'), { code: 'ECONNREFUSED' });
});

test('restarts a killed server with its committed data', async (t) => {
  const dataDir = await copiedDataDir(t);
  const first = await start(t, dataDir, true);
  await write(first.url, 'committed');
  process.kill(await serverPid(first), 'SIGKILL');

  const second = await start(t, dataDir, true);
  t.false(second.adopted);
  t.is(await words(second.url), 'committed');
});

test('starts despite a stale pid file whose process ID is in use', async (t) => {
  const dataDir = await copiedDataDir(t);
  const first = await start(t, dataDir);
  const content = await readFile(pidFile(first), 'utf8');
  await first.stop();
  const stranger = spawn('sleep', ['60'], IS_ROOT ? await ownerOf(first.dataDir) : {});
  t.teardown(() => kill(stranger));
  await writeFile(pidFile(first), content.replace(/^\d+/, String(stranger.pid)));

  const second = await start(t, dataDir);
  t.false(second.adopted);
  await second.stop();
  t.is(stranger.exitCode ?? stranger.signalCode, null);
});

test('starts despite an empty pid file', async (t) => {
  const dataDir = await copiedDataDir(t);
  const first = await start(t, dataDir);
  await first.stop();
  await writeFile(pidFile(first), '');

  t.is(await runQuery((await start(t, dataDir)).url, `select 'up' as answer`), 'up');
});

test('shares one server between two concurrent starts', async (t) => {
  const dataDir = await newDataDir(t);
  const [one, other] = await Promise.all([start(t, dataDir), start(t, dataDir)]);
  await write(one.url, 'shared');
  t.is(other.url, one.url);
  t.is(await words(other.url), 'shared');
});

test('selects another port when its port is taken, and keeps it', async (t) => {
  const dataDir = await copiedDataDir(t);
  const first = await start(t, dataDir);
  await first.stop();
  const squatter = createServer().listen(Number(new URL(first.url).port), '127.0.0.1');
  await once(squatter, 'listening');
  t.teardown(() => squatter.close());

  const second = await start(t, dataDir);
  t.not(second.url, first.url);
  await second.stop();
  t.is((await start(t, dataDir)).url, second.url);
});

test('recreates data whose creation was interrupted, and removes the remains later', async (t) => {
  const dataDir = await newDataDir(t);
  await writeFile(join(dataDir, 'password'), 'from-before', { mode: 0o644 });
  for (const name of ['cluster.unfinished-old', 'cluster.unfinished-young']) {
    await mkdir(join(dataDir, name, 'base'), { recursive: true });
  }
  await utimes(join(dataDir, 'cluster.unfinished-old'), 0, 0);

  const server = await start(t, dataDir);
  t.is(await runQuery(server.url, `select 'up' as answer`), 'up');
  t.deepEqual(
    (await readdir(server.dataDir)).filter((name) => name.startsWith('cluster')),
    ['cluster', 'cluster.unfinished-young'],
  );
});

test('starts after a process was killed while it created the data', async (t) => {
  const dataDir = await newDataDir(t);
  const starter = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { startEmbeddedPostgres } from ${JSON.stringify(MODULE)};
       await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, durable: false });`,
    ],
    { stdio: 'ignore' },
  );
  for (;;) {
    if ((await readdir(dataDir)).some((name) => name.startsWith('cluster'))) {
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await kill(starter);

  t.is(await runQuery((await start(t, dataDir)).url, `select 'up' as answer`), 'up');
});

test('rejects data of another major version with one sentence', async (t) => {
  const dataDir = await copiedDataDir(t);
  const server = await start(t, dataDir);
  await server.stop();
  await writeFile(join(server.dataDir, 'cluster', 'PG_VERSION'), '17\n');

  const error = await t.throwsAsync(start(t, dataDir), { instanceOf: OperatorError });
  t.is(error.code, 'precondition_failed');
  t.regex(error.message, /is of PostgreSQL 17 and the installed one is PostgreSQL 18/);
});

test('rejects a folder with other files, and does not change it', async (t) => {
  const dataDir = await newDataDir(t);
  await writeFile(join(dataDir, 'thesis.txt'), 'mine');
  const before = await stat(dataDir);

  const error = await t.throwsAsync(start(t, dataDir), { instanceOf: OperatorError });
  t.is(error.code, 'precondition_failed');
  t.deepEqual(await readdir(dataDir), ['thesis.txt']);
  t.deepEqual([(await stat(dataDir)).uid, (await stat(dataDir)).mode], [before.uid, before.mode]);
});

test('listens only on 127.0.0.1, requires a password, and uses UTF-8', async (t) => {
  const server = await start(t, await copiedDataDir(t));
  const setting = (name: string) => runQuery(server.url, `select current_setting('${name}') as answer`);
  t.is(await setting('listen_addresses'), '127.0.0.1');
  t.is(await setting('unix_socket_directories'), '');
  t.is(await setting('max_connections'), '200');
  t.is(await setting('max_prepared_transactions'), '0');
  t.is(await setting('server_encoding'), 'UTF8');
  t.is(await runQuery(server.url, `select lower('ÄÉ') as answer`), 'äé');

  const wrong = new URL(server.url);
  wrong.password = 'wrong';
  await t.throwsAsync(runQuery(wrong.href, 'select 1'), { code: '28P01' });
  t.is((await stat(join(server.dataDir, 'password'))).mode & 0o777, 0o600);
  t.is((await stat(server.dataDir)).mode & 0o777, 0o700);
});

test('keeps durability settings on unless durability was disabled', async (t) => {
  const server = await start(t, await copiedDataDir(t), true);
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    t.is(await runQuery(server.url, `select current_setting('${name}') as answer`), 'on', name);
  }
});

async function ownerOf(folder: string): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await stat(folder);
  return { uid, gid };
}

/** Declared only where it can run: a skipped test counts as a failed one. */
const asRoot: (title: string, body: (t: ExecutionContext) => Promise<void>) => void = IS_ROOT
  ? test
  : () => {};

asRoot(
  'as root, keeps data elsewhere if another user cannot enter the folder, and reports where',
  async (t) => {
    const closed = await newDataDir(t);
    await chmod(closed, 0o700);
    const dataDir = join(closed, 'data');
    const lines: string[] = [];
    const first = await startEmbeddedPostgres({ dataDir, durable: false, log: (line) => lines.push(line) });
    t.teardown(() => rm(first.dataDir, { recursive: true, force: true }));
    t.teardown(() => first.stop());
    await write(first.url, 'elsewhere');
    await first.stop();

    t.not(first.dataDir, dataDir);
    t.is((await readFile(join(dataDir, 'LOCATION'), 'utf8')).trim(), first.dataDir);
    t.true(lines.some((line) => line.includes(first.dataDir)));
    const folder = await stat(first.dataDir);
    t.not(folder.uid, 0);
    t.is(folder.mode & 0o777, 0o700);

    const second = await start(t, dataDir);
    t.is(second.dataDir, first.dataDir);
    t.is(await words(second.url), 'elsewhere');
  },
);
