import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

import { freePort } from './free-port.ts';

export type Pooler = Readonly<{
  port: number;
  /** Returns `url` with the pooler instead of its server. */
  through: (url: string) => string;
  /** Returns the rows of a command of its console, such as `show pools`. */
  console: (command: string) => Promise<Record<string, unknown>[]>;
  stop: () => Promise<void>;
}>;

const CONFIGURATION = join(import.meta.dirname, '..', '..', 'compose', 'pgbouncer.ini');

/** Includes Debian's folder for daemons, which may not be on the path. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** Whether `pgbouncer` is installed. CI requires it: its tests fail there instead of being skipped. */
export const hasPgBouncer: boolean =
  Boolean(process.env.CI) || spawnSync('pgbouncer', ['--version'], { env }).status === 0;

/** Returns `url` with `port` of this machine instead of its server. */
export function throughPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.hostname = '127.0.0.1';
  changed.port = String(port);
  return changed.href;
}

/**
 * Starts Debian's `pgbouncer` in transaction mode in front of the superuser's server, with
 * `compose/pgbouncer.ini` and additional settings.
 *
 * Tests create and drop logins and databases, so it looks both up on the server. It ends with this
 * process, even if killed.
 *
 * @throws Error with its output, when the program is missing or exits early
 */
export async function startPgBouncer(
  superuserUrl: string,
  settings: Readonly<Record<string, string | number>> = {},
): Promise<Pooler> {
  const server = new URL(superuserUrl);
  const port = Number(settings.listen_port ?? (await freePort()));
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-pgbouncer-'));
  const [user, password] = [decodeURIComponent(server.username), decodeURIComponent(server.password)];
  const userList = join(folder, 'userlist.txt');
  await writeFile(userList, `"${user}" "${password}"\n`);
  const overrides = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    auth_file: userList,
    auth_user: user,
    admin_users: user,
    // A run creates and drops many worlds, with a pool each.
    default_pool_size: 10,
    server_idle_timeout: 5,
    query_wait_timeout: 60,
    ...settings,
  };
  await writeFile(
    join(folder, 'pgbouncer.ini'),
    [
      // Of duplicate names, the last one applies.
      (await readFile(CONFIGURATION, 'utf8')).replace(
        /^\* = .*$/m,
        `* = host=${server.hostname} port=${server.port || 5432}`,
      ),
      ...Object.entries(overrides).map(([name, value]) => `${name} = ${value}`),
      '',
    ].join('\n'),
  );
  // PgBouncer does not run as root.
  const account = userInfo().uid === 0 ? ['-u', 'nobody'] : [];
  await chmod(folder, 0o755);

  // The shell ends it when the pipe from this process closes.
  const child = spawn(
    'sh',
    [
      '-c',
      '"$@" & read -r _; kill $! 2>/dev/null; wait',
      'sh',
      'pgbouncer',
      ...account,
      join(folder, 'pgbouncer.ini'),
    ],
    { stdio: ['pipe', 'ignore', 'pipe'], detached: true, env },
  );
  let output = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    output = `${output}${text}`.slice(-10_000);
  });
  const stop = async (): Promise<void> => {
    child.ref();
    child.stdin.end();
    if (child.exitCode === null) {
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  const consoleUrl = new URL(throughPort(superuserUrl, port));
  consoleUrl.pathname = '/pgbouncer';
  const command: Pooler['console'] = async (text) => {
    const client = new pg.Client(consoleUrl.href);
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  };

  for (let tries = 1; ; tries += 1) {
    try {
      await command('show version');
      break;
    } catch (error) {
      if (tries === 100) {
        await stop();
        throw new Error(`PgBouncer does not respond: ${(error as Error).message}\n${output}`);
      }
      await wait(100);
    }
  }
  for (const stream of [child, child.stdin, child.stderr]) {
    (stream as typeof stream & { unref(): void }).unref();
  }
  return { port, through: (url) => throughPort(url, port), console: command, stop };
}
