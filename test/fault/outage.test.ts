import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import pg from 'pg';
import { servedProject } from '../fixture-app/served-project.ts';
import { type DatabaseProxy, openProxy } from '../helpers/proxy.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
let proxy: DatabaseProxy;
let service: TestService;
let token: string;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
  proxy = await openProxy(world.serviceUrl);
  service = await serve(
    { ...world, serviceUrl: proxy.through(world.serviceUrl) },
    { CONNECT_TIMEOUT: '1500', STATEMENT_TIMEOUT: '1500' },
  );
  token = await service.logIn('acme.localhost', 'alice', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await proxy?.close();
  await world?.close();
});

const notes = (host = 'acme.localhost') => service.request(host, 'GET', '/api/notes/', { token });
const served = () =>
  until(
    () => notes(),
    ({ status }) => status === 200,
  );

/** Requests of every kind while the database does not respond. */
async function outage(): Promise<ReadonlyArray<readonly [string, Awaited<ReturnType<typeof notes>>]>> {
  return [
    ['a known host', await notes()],
    ['a host that was never asked for', await notes(`new-${Math.random()}.localhost`.replace('0.', ''))],
    [
      'a log in',
      await service.request('acme.localhost', 'POST', '/api/auth/jwt/create/', {
        body: { username: 'alice', password: PASSWORD },
      }),
    ],
    [
      'a write',
      await service.request('acme.localhost', 'POST', '/api/notes/', { token, body: { name: 'lost' } }),
    ],
  ];
}

test.serial(
  'returns 503 with Retry-After while PostgreSQL is down, and recovers without a restart',
  async (t) => {
    t.is((await served()).status, 200);
    await proxy.cut();
    for (let round = 0; round < 3; round += 1) {
      for (const [what, { status, body, headers, text }] of await outage()) {
        t.is(status, 503, `${what}: ${text}`);
        t.is(body.code, 'database_unavailable', what);
        t.regex(String(headers['retry-after']), /^\d+$/, what);
        t.notRegex(text, /ECONN|node_modules|127\.0\.0\.1/);
      }
      const { status, headers } = await until(
        () => service.request('acme.localhost', 'GET', '/readyz'),
        (found) => found.status === 503,
      );
      t.is(status, 503);
      t.truthy(headers['retry-after']);
      t.is((await service.request('acme.localhost', 'GET', '/healthz')).status, 200);
    }
    await proxy.restore();
    t.is((await served()).status, 200);
    // The result is cached for a second.
    const ready = async () => (await service.request('acme.localhost', 'GET', '/readyz')).status;
    t.is(await until(ready, (status) => status === 200), 200);
    t.is((await service.request('localhost', 'GET', '/')).status, 200);
    t.deepEqual(service.bugs, []);
    t.deepEqual(await world.asOwner(`select from acme.notes where name = 'lost'`), []);
  },
);

test.serial('returns 503 within the timeouts when the network drops every packet', async (t) => {
  t.is((await served()).status, 200);
  proxy.swallow();
  for (const [what, { status, text }] of await outage()) {
    t.is(status, 503, `${what}: ${text}`);
  }
  proxy.pass();
  t.is((await served()).status, 200);
  t.deepEqual(service.bugs, []);
});

test.serial('replaces idle connections whose backends were killed', async (t) => {
  t.is((await served()).status, 200);
  for (let round = 0; round < 5; round += 1) {
    await world.asOwner('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
      world.service,
    ]);
    const { status, text } = await notes();
    t.true(status === 200 || status === 503, `${status} ${text}`);
    t.is((await served()).status, 200);
  }
  t.deepEqual(service.bugs, []);
});

test.serial('returns 503 for backends killed during a request, and mixes up no response', async (t) => {
  t.is((await served()).status, 200);
  let going = true;
  const killer = (async () => {
    const end = performance.now() + 3_000;
    while (going && performance.now() < end) {
      await world.asOwner('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [
        world.service,
      ]);
      await wait(20);
    }
  })();
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const name = `kept through ${index}`;
      const answer = await service.request('acme.localhost', 'POST', '/api/notes/', {
        token,
        body: { name },
      });
      return { name, answer };
    }),
  );
  going = false;
  await killer;
  for (const { name, answer } of answers) {
    // 504: the backend was killed during the COMMIT.
    t.true([201, 503, 504].includes(answer.status), `${answer.status} ${answer.text}`);
    if (answer.status === 504) {
      t.is(answer.body.code, 'outcome_unknown');
    } else if (answer.status === 201) {
      t.is(answer.body.name, name);
      t.is((await world.asOwner('select id from acme.notes where name = $1', [name])).length, 1);
    }
  }
  t.is((await served()).status, 200);
  t.deepEqual(service.bugs, []);
});

test.serial(
  'returns 503 for a statement that waits too long for a lock, and serves other tenants',
  async (t) => {
    t.is((await served()).status, 200);
    const lock = new pg.Client(world.owner);
    await lock.connect();
    try {
      await lock.query('begin');
      await lock.query('lock table acme.notes in access exclusive mode');
      const [blocked, free] = await Promise.all([notes(), notes('globex.localhost')]);
      t.is(blocked.status, 503);
      t.truthy(blocked.headers['retry-after']);
      t.is(free.status, 401);
    } finally {
      await lock.end();
    }
    t.is((await served()).status, 200);
    t.deepEqual(service.bugs, []);
  },
);

test.serial('returns 503 for a tenant with a running operation, and serves other tenants', async (t) => {
  const operation = new pg.Client(world.owner);
  await operation.connect();
  try {
    await operation.query('begin');
    await operation.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [world.acme.id]);
    const { status, body, headers } = await notes();
    t.deepEqual([status, body.code], [503, 'tenant_busy']);
    t.is(headers['retry-after'], '2');
    const neighbor = await service.request('globex.localhost', 'POST', '/api/auth/jwt/create/', {
      body: { username: 'nobody', password: PASSWORD },
    });
    t.is(neighbor.status, 401);
  } finally {
    await operation.end();
  }
  t.is((await served()).status, 200);
});

test.serial('keeps the pool at its full size after lost connections', async (t) => {
  await Promise.all(Array.from({ length: 30 }, () => notes()));
  const count = async () => {
    const [row] = await world.asOwner<{ count: number }>(
      `select count(*)::integer as count from pg_stat_activity
       where usename = $1 and application_name like 'koa-tenants lane%'`,
      [world.service],
    );
    return row?.count ?? 99;
  };
  t.true((await until(count, (found) => found <= 4)) <= 4);
});

test.serial(
  'does not listen when PostgreSQL cannot be reached at start, and reports the reason',
  async (t) => {
    await proxy.cut();
    const error = await t.throwsAsync(
      serve({ ...world, serviceUrl: proxy.through(world.serviceUrl) }, { CONNECT_TIMEOUT: '500' }),
    );
    t.is((error as { code?: string }).code, 'database_unavailable');
    t.regex(error?.message ?? '', /Cannot connect to PostgreSQL at/);
    await proxy.restore();
    t.is((await served()).status, 200);
  },
);
