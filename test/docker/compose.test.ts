import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import test from 'ava';

import { freePort } from '../helpers/free-port.ts';
import { sendRequest, until } from '../helpers/server.ts';

const project = path.join(import.meta.dirname, '../..');
const run = promisify(execFile);
const name = `kt-compose-${randomBytes(4).toString('hex')}`;
const [PASSWORD, NEW_PASSWORD] = ['a password of the compose test', 'another password of the compose test'];

// Public images by default. A machine without access to the registry names its own.
const env: Record<string, string> = {
  ...(process.env as Record<string, string>),
  NODE_IMAGE: process.env.NODE_IMAGE ?? 'node:24-bookworm-slim',
  POSTGRES_IMAGE: process.env.TEST_POSTGRES_IMAGE ?? 'postgres:18-bookworm',
  SERVICE_IMAGE: `${name}:test`,
  COMPOSE_PROJECT_NAME: name,
};
const files = ['--file', 'compose.yaml', '--file', 'test/docker/compose.mail.yaml'];

// Debian 12 has the older of the two programs.
let program: readonly string[] = ['docker', 'compose'];
const compose = async (...args: string[]): Promise<string> => {
  const [command, ...first] = program as [string, ...string[]];
  const { stdout } = await run(command, [...first, ...files, ...args], {
    cwd: project,
    env,
    maxBuffer: 1 << 26,
  });
  return stdout.trim();
};

/** Runs `tenants …` as the documentation for operators does, with standard input. */
async function tenants(args: readonly string[], input = ''): Promise<string> {
  const [command, ...first] = program as [string, ...string[]];
  const child = spawn(command, [...first, ...files, 'run', '--rm', '-T', 'tenants', ...args], {
    cwd: project,
    env,
  });
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  if (code !== 0) {
    throw new Error(`tenants ${args.join(' ')} ended with ${code}: ${err}`);
  }
  return out;
}

/** Returns the container of a service. One `docker compose` command takes as long as ten of `docker`. */
async function containerOf(service: string): Promise<string> {
  const filters = [`project=${name}`, `service=${service}`].flatMap((label) => [
    '--filter',
    `label=com.docker.compose.${label}`,
  ]);
  return (await run('docker', ['ps', '--quiet', ...filters])).stdout.trim();
}

const inside = async (service: string, ...command: string[]): Promise<string> =>
  (await run('docker', ['exec', await containerOf(service), ...command])).stdout.trim();

/** Between two commands: each takes CPU time. */
const POLL_MS = 500;

async function health(): Promise<string> {
  await wait(POLL_MS);
  const id = await containerOf('web');
  return (await run('docker', ['inspect', '--format', '{{.State.Health.Status}}', id])).stdout.trim();
}

test.before(async () => {
  await run('docker', ['compose', 'version']).catch(() => {
    program = ['docker-compose'];
  });
  env.PORT = String(await freePort());
  env.MAIL_PORT = String(await freePort());
  await run(
    'docker',
    [
      ...['build', '--network', 'host', '--tag', `${name}:test`],
      ...[
        '--build-arg',
        `NODE_IMAGE=${env.NODE_IMAGE}`,
        '--build-arg',
        `POSTGRES_IMAGE=${env.POSTGRES_IMAGE}`,
        '.',
      ],
    ],
    { cwd: project, maxBuffer: 1 << 26 },
  );
  await compose('up', '--detach', '--no-build');
});
test.after.always(async () => {
  await compose('down', '--volumes').catch(() => {});
  await run('docker', ['image', 'rm', '--force', `${name}:test`]).catch(() => {});
});

const login = (password: string) =>
  sendRequest(Number(env.PORT), 'acme.localhost', 'POST', '/api/auth/jwt/create/', {
    body: { username: 'wile', password },
  });

test.serial('`up` alone creates an installation that is ready', async (t) => {
  t.is(await until(health, (status) => status === 'healthy', 60_000), 'healthy');
  await tenants(['create-tenant', '--schema', 'acme', '--name', 'Acme Inc', '--domain', 'acme.localhost']);
  await tenants(
    ['create-superuser', '--schema', 'acme', '--username', 'wile', '--email', 'wile@example.com'],
    `${PASSWORD}\n`,
  );
  t.regex(await tenants(['check', '--fail-on', 'fault']), /No finding/);
  t.is((await login(PASSWORD)).status, 200);
});

test.serial('sends a mail whose link sets a password', async (t) => {
  const asked = await sendRequest(
    Number(env.PORT),
    'acme.localhost',
    'POST',
    '/api/auth/users/reset_password/',
    {
      body: { email: 'wile@example.com' },
    },
  );
  t.is(asked.status, 204);
  const link = /password\/reset\/confirm\/([\w-]+)\/([\w-]+)/;
  const container = await containerOf('mail');
  // Lines of a mail are broken with "=" at their end.
  const mail = async (): Promise<string> => {
    await wait(POLL_MS);
    return (await run('docker', ['logs', container])).stdout.replace(/=\r?\n/g, '');
  };
  const [, uid, token] = link.exec(await until(mail, (text) => link.test(text), 30_000)) ?? [];
  const set = await sendRequest(
    Number(env.PORT),
    'acme.localhost',
    'POST',
    '/api/auth/users/reset_password_confirm/',
    {
      body: { uid, token, new_password: NEW_PASSWORD },
    },
  );
  t.is(set.status, 204, set.text);
  t.is((await login(NEW_PASSWORD)).status, 200);
});

test.serial(
  'runs every service on a read-only root, without root, and the service without the owner’s secrets',
  async (t) => {
    for (const service of ['web', 'worker', 'pgbouncer']) {
      t.not(await inside(service, 'id', '-u'), '0', service);
    }
    for (const service of ['web', 'worker', 'pgbouncer', 'postgres', 'mail']) {
      const refused = await t.throwsAsync(inside(service, 'sh', '-c', 'touch /etc/x'), undefined, service);
      t.regex(String(refused?.message), /Read-only file system/, service);
    }
    await t.throwsAsync(inside('web', 'ls', '/run/owner-secrets'), { message: /No such file/ });
    t.notRegex(await inside('web', 'env'), /OWNER/);
  },
);

test.serial('connects the service through PgBouncer, except for LISTEN', async (t) => {
  const query = `
    select distinct host(a.client_addr), a.application_name = 'koa-tenants listen'
    from pg_stat_activity as a
    where a.usename = 'app'`;
  const from = await inside('postgres', 'psql', '-U', 'postgres', '-d', 'app', '-Atc', query);
  const [pooler, web] = await Promise.all(
    ['pgbouncer', 'web'].map((service) => inside(service, 'hostname', '-i')),
  );
  t.deepEqual(from.split('\n').sort(), [`${pooler}|f`, `${web}|t`].sort());
});

test.serial('a second `up` creates nothing', async (t) => {
  const secret = await inside('web', 'cat', '/run/service-secrets/app_secret');
  await compose('down');
  await compose('up', '--detach', '--no-build');
  t.is(await until(health, (status) => status === 'healthy', 60_000), 'healthy');
  t.is(await inside('web', 'cat', '/run/service-secrets/app_secret'), secret);
  t.is((await login(NEW_PASSWORD)).status, 200);
});
