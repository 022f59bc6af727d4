import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import pg from 'pg';
import { sql } from 'slonik';
import { z } from 'zod';

import { connectionTo } from '../../src/db/admin/connection-config.ts';
import { isPlain, run } from '../cli/run.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { environmentOf, serve, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { openPremium, type Premium } from '../tenancy/transfer/premium.ts';

let world: World;
let premium: Premium;
let folder: string;

const openssl = async (...args: string[]): Promise<void> => {
  await promisify(execFile)('openssl', args, { cwd: folder });
};

/** A certificate authority. */
async function authorise(authority: string): Promise<void> {
  await openssl(
    ...['req', '-x509', '-days', '1', '-subj', `/CN=${authority}`, '-nodes', '-newkey', 'rsa:2048'],
    ...['-keyout', `${authority}.key`, '-out', `${authority}.crt`],
  );
}

/** A certificate of that authority for a host, in `<name>.crt` and `<name>.key`. */
async function certify(authority: string, name: string, host: string): Promise<void> {
  await openssl(
    ...['req', '-subj', '/CN=database', '-nodes', '-newkey', 'rsa:2048'],
    ...['-keyout', `${name}.key`, '-out', `${name}.csr`],
  );
  await writeFile(join(folder, `${name}.names`), `subjectAltName=${isIP(host) ? 'IP' : 'DNS'}:${host}`);
  await openssl(
    ...['x509', '-req', '-days', '1', '-in', `${name}.csr`, '-extfile', `${name}.names`, '-CAcreateserial'],
    ...['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-out', `${name}.crt`],
  );
}

/** Writes files through the server, in its file system. Only its account may read the key. */
async function install(file: string, name: string): Promise<void> {
  const text = await readFile(join(folder, file), 'utf8');
  await premium.asOwner(
    `copy (select unnest(string_to_array('${text.trim()}', e'\\n'))) to program 'umask 077; cat > ${name}'`,
  );
}

/** Makes the server use this certificate for new connections. */
async function present(name: string): Promise<void> {
  await install(`${name}.crt`, `${name}.crt`);
  await install(`${name}.key`, `${name}.key`);
  await premium.asOwner(`alter system set ssl_cert_file = '${name}.crt'`);
  await premium.asOwner(`alter system set ssl_key_file = '${name}.key'`);
  await premium.asOwner('alter system set ssl = on');
  await premium.asOwner('select pg_reload_conf()');
  // The server has loaded the certificate before a new connection.
  await until(
    async () => {
      const client = new pg.Client(premium.ownerUrl);
      await client.connect();
      const { rows } = await client.query<{ file: string }>(
        `select current_setting('ssl_cert_file') as file`,
      );
      await client.end();
      return rows[0]?.file;
    },
    (file) => file === `${name}.crt`,
  );
}

const over = (mode: string, more: Record<string, string> = {}): string => {
  const url = new URL(premium.serviceUrl);
  for (const [key, value] of Object.entries({ sslmode: mode, ...more })) {
    url.searchParams.set(key, value);
  }
  return url.href;
};
const trusted = () => ({ sslrootcert: join(folder, 'ours.crt') });

test.before(async () => {
  world = await openWorld({ project: servedProject });
  // With a setting it is a server of its own, whose configuration the tests change.
  premium = await openPremium(world, 'premium', { ssl_min_protocol_version: 'TLSv1.3' });
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-tls-'));
  await authorise('ours');
  await authorise('theirs');
  await certify('ours', 'server', new URL(premium.serviceUrl).hostname);
  await certify('ours', 'elsewhere', 'elsewhere.example');
  await present('server');
});

test.after.always(async () => {
  await premium?.close();
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

test.serial('serves from a server with a valid certificate, over encrypted connections only', async (t) => {
  const service = await serve(world, { DATABASES: `premium=${over('verify-full', trusted())}` });
  t.teardown(service.close);
  t.is((await service.request('acme.localhost', 'GET', '/readyz')).status, 200);
  const sessions = await premium.asOwner<{ ssl: boolean }>(
    `select s.ssl
     from pg_stat_ssl as s
     join pg_stat_activity as a using (pid)
     where a.usename = $1`,
    [world.service],
  );
  t.true(sessions.length > 0);
  t.true(sessions.every(({ ssl }) => ssl));
});

async function assertStartFails(t: ExecutionContext, url: string): Promise<void> {
  const error = await t.throwsAsync(serve(world, { DATABASES: `premium=${url}` }));
  t.regex(error?.message ?? '', /certificate/i);
  t.false((error?.message ?? '').includes(new URL(premium.serviceUrl).password));
}

for (const [what, urlOf] of [
  [
    'of another certificate authority',
    () => over('verify-full', { sslrootcert: join(folder, 'theirs.crt') }),
  ],
  ['of an unknown certificate authority', () => over('verify-full')],
] as const) {
  test.serial(`does not start with a certificate ${what}, and prints no password`, (t) =>
    assertStartFails(t, urlOf()),
  );
}

test.serial('cancels a statement over TLS', async (t) => {
  const applicationName = 'ended over tls';
  const pool = await world.openPool({
    connection: connectionTo(over('verify-full', trusted())),
    maxPoolSize: 1,
    queryTimeout: 300,
    applicationName,
  });
  await t.throwsAsync(pool.any(sql.type(z.unknown())`select count(*) from generate_series(1, 1000000000)`));
  const running = () =>
    premium.asOwner(`select pid from pg_stat_activity where application_name = $1 and state = 'active'`, [
      applicationName,
    ]);
  t.deepEqual(await until(running, (found) => found.length === 0), []);
});

test.serial('does not start with a URL that requires TLS when the server does not support it', async (t) => {
  const url = new URL(world.serviceUrl);
  url.searchParams.set('sslmode', 'verify-full');
  await t.throwsAsync(serve({ ...world, serviceUrl: url.href }), { message: /does not support TLS/ });
});

test.serial('a command fails with a URL that requires TLS when the server does not support it', async (t) => {
  const url = new URL(world.ownerUrl);
  url.searchParams.set('sslmode', 'verify-full');
  const ran = await run('served-cli.ts', ['list-tenants'], environmentOf({ ...world, ownerUrl: url.href }));
  t.is(ran.code, 1);
  t.regex(ran.err, /does not support TLS\. .* remove sslmode from the URL/);
  isPlain(t, ran, [url.password]);
});

test.serial('does not start with a certificate for another name, and prints no password', async (t) => {
  await present('elsewhere');
  await assertStartFails(t, over('verify-full', trusted()));
});
