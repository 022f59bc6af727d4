import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';
import { openWorldWithUsers } from './own-process.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;
let world: World;
let service: TestService;
let token: string;
test.before(async () => {
  server = await startOwnServer(await mkdtemp(join(tmpdir(), 'koa-tenants-read-only-')));
  world = await openWorldWithUsers({ server: server.url });
  service = await serve(world, { CONNECT_TIMEOUT: '20000' });
  token = await service.logIn('acme.localhost', 'alice', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  // After a failed test the server may still reject writes, and the database cannot be dropped.
  await world?.close().catch(() => {});
  await server?.close();
});

const request = (method: string, path: string, body?: unknown) =>
  service.request('acme.localhost', method, path, { token, ...(body === undefined ? {} : { body }) });
const write = () => request('POST', '/api/notes/', { name: 'written' });
const logIn = () =>
  service.request('acme.localhost', 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice', password: PASSWORD },
  });
/** Repeats a request until the old connections are replaced. */
const settled = (ask: () => ReturnType<typeof request>, expected: number) =>
  until(ask, ({ status }) => status === expected);

/** Checks reads and writes, and `/readyz`, before `begin`, until `end`, and afterwards. */
async function assertReadOnlyBetween(
  t: ExecutionContext,
  begin: () => Promise<unknown>,
  end: () => Promise<unknown>,
): Promise<void> {
  t.is((await settled(() => request('GET', '/readyz'), 200)).status, 200);
  t.is((await write()).status, 201);
  await begin();
  for (const [name, ask] of [
    ['/readyz', () => request('GET', '/readyz')],
    ['a write', write],
    ['a log in', logIn],
  ] as const) {
    const { status, body, headers } = await settled(ask, 503);
    t.is(status, 503, name);
    t.is(body.code, 'database_unavailable', name);
    t.regex(String(headers['retry-after']), /^\d+$/, name);
  }
  t.is((await request('GET', '/healthz')).status, 200);
  t.is((await settled(() => request('GET', '/api/notes/'), 200)).status, 200, 'reads are served');

  await end();
  t.is((await settled(() => request('GET', '/readyz'), 200)).status, 200);
  t.is((await settled(write, 201)).status, 201);
  t.is((await settled(logIn, 200)).status, 200);
  t.deepEqual(service.bugs, []);
  t.deepEqual(
    service.warnings.splice(0).filter((message) => message.includes('ready')),
    ['the database main is not ready', 'the database main is ready again'],
  );
}

test.serial('returns 503 for writes and /readyz on a read-only server, and serves reads', async (t) => {
  const set = async (statement: string) => {
    await world.asOwner(`alter system ${statement}`);
    await world.asOwner('select pg_reload_conf()');
  };
  await assertReadOnlyBetween(
    t,
    () => set('set default_transaction_read_only = on'),
    () => set('reset default_transaction_read_only'),
  );
});

test.serial(
  'returns 503 for writes and /readyz on a standby until it is promoted, and serves reads',
  async (t) => {
    await assertReadOnlyBetween(
      t,
      () => server.restartAsStandby(),
      () =>
        until(
          () => world.asOwner('select pg_promote()').catch(() => null),
          (rows) => rows !== null,
        ),
    );
  },
);
