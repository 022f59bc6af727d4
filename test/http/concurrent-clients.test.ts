import test from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import { type DatabaseProxy, openProxy } from '../helpers/proxy.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
let proxy: DatabaseProxy;
let service: TestService;
const PEOPLE = ['ann', 'bob', 'cat'] as const;
const tokens = new Map<string, string>();
test.before(async () => {
  world = await openWorld({ project: servedProject });
  proxy = await openProxy(world.serviceUrl);
  for (const member of [world.acme, world.globex]) {
    for (const name of PEOPLE) {
      await makeUser(world, member.schema, name, { email: `${name}@${member.schema}.example` });
    }
    await world.asOwner(
      `insert into ${member.schema}.notes (name) select '${member.schema} planted ' || n from generate_series(1, 30) as n`,
    );
  }
  // Repeated lookups, the listener, and the search for due mail would be counted with the requests.
  service = await serve(
    { listenUrl: world.serviceUrl, ...world, serviceUrl: proxy.through(world.serviceUrl) },
    // On a slow machine, 100 requests of a tenant wait longer than its queue allows.
    { DIRECTORY_TTL: '3600', MAIL_DIR: '', TENANT_CONCURRENCY: '100' },
  );
  for (const member of [world.acme, world.globex]) {
    for (const name of PEOPLE) {
      tokens.set(`${member.schema} ${name}`, await service.logIn(member.host, name, PASSWORD));
    }
  }
});
test.after.always(async () => {
  await service?.close();
  await proxy?.close();
  await world?.close();
});

test.serial(
  '200 concurrent mixed requests through a pool of 4 each receive the data of their own client',
  async (t) => {
    const members = [world.acme, world.globex];
    const jobs = Array.from({ length: 200 }, (_, index) => async () => {
      const member = members[index % 2] ?? world.acme;
      const neighbor = members[(index + 1) % 2] ?? world.globex;
      const name = PEOPLE[index % 3] ?? 'ann';
      const token = tokens.get(`${member.schema} ${name}`);
      const ask = (method: string, path: string, body?: unknown) =>
        service.request(member.host, method, path, { token, body });
      switch (index % 8) {
        case 0: {
          const { status, body } = await ask('GET', '/api/auth/users/me/');
          t.deepEqual([status, body.username, body.email], [200, name, `${name}@${member.schema}.example`]);
          break;
        }
        case 1: {
          const { status, body } = await ask('GET', '/api/notes/?search=planted&page=last');
          t.is(status, 200);
          t.is(body.count, 30);
          t.true(body.results.every((project: { name: string }) => project.name.startsWith(member.schema)));
          break;
        }
        case 2: {
          const mine = `${member.schema} made ${index}`;
          const { status, body } = await ask('POST', '/api/notes/', { name: mine });
          t.deepEqual([status, body.name], [201, mine]);
          const read = await ask('GET', `/api/notes/${body.id}/`);
          t.is(read.body.name, mine);
          break;
        }
        case 3: {
          const foreign = await service.request(neighbor.host, 'GET', '/api/notes/', { token });
          t.deepEqual([foreign.status, foreign.body.code], [401, 'token_not_valid']);
          break;
        }
        case 4: {
          const { status, body } = await ask('GET', `/api/notes/?search=${neighbor.schema}`);
          t.deepEqual([status, body.count], [200, 0]);
          break;
        }
        case 5: {
          const { status, body } = await ask('POST', '/api/notes/', { name: null });
          t.deepEqual([status, body], [400, { name: ['This field may not be null.'] }]);
          break;
        }
        case 6: {
          const made = await ask('POST', '/api/notes/', { name: `${member.schema} gone ${index}` });
          t.is((await ask('DELETE', `/api/notes/${made.body.id}/`)).status, 204);
          t.is((await ask('GET', `/api/notes/${made.body.id}/`)).status, 404);
          break;
        }
        default: {
          const { status } = await ask('GET', '/api/notes/999999/');
          t.is(status, 404);
        }
      }
    });
    await Promise.all(jobs.map((job) => job()));

    t.deepEqual(service.bugs, []);
    for (const member of members) {
      const foreign = await world.asOwner(
        `select from ${member.schema}.notes where name not like '${member.schema} %'`,
      );
      t.is(foreign.length, 0);
    }
    const [used] = await world.asOwner<{ count: number }>(
      `select count(*)::integer as count from pg_stat_activity
     where usename = $1 and application_name like 'koa-tenants lane%'`,
      [world.service],
    );
    t.true((used?.count ?? 99) <= 4);
  },
);

test.serial(
  'a single statement takes one round trip to PostgreSQL, a transaction with one query two',
  async (t) => {
    const token = tokens.get('acme ann');
    const created = await service.request('acme.localhost', 'POST', '/api/notes/', {
      token,
      body: { name: 'acme counted' },
    });
    for (const [method, path, body, expected, roundTrips] of [
      ['GET', '/api/notes/', undefined, 200, 2],
      ['GET', `/api/notes/${created.body.id}/`, undefined, 200, 1],
      ['GET', '/api/auth/users/me/', undefined, 200, 2],
      ['POST', '/api/notes/', { name: 'acme another' }, 201, 1],
      ['DELETE', `/api/notes/${created.body.id}/`, undefined, 204, 1],
      ['GET', '/api/notes/999999/', undefined, 404, 1],
    ] as const) {
      const before = proxy.roundTrips();
      const { status } = await service.request('acme.localhost', method, path, { token, body });
      t.is(status, expected);
      t.is(proxy.roundTrips() - before, roundTrips, `${method} ${path}`);
    }
  },
);

test.serial('a request without a valid token takes no round trip to PostgreSQL', async (t) => {
  const before = proxy.roundTrips();
  for (const token of [undefined, 'nonsense']) {
    t.is((await service.request('acme.localhost', 'GET', '/api/notes/', { token })).status, 401);
  }
  t.is(proxy.roundTrips(), before);
});
