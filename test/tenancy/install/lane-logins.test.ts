import { setTimeout as wait } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import pg from 'pg';

import { connectionAs, connectionTo } from '../../../src/db/admin/connection-config.ts';
import { runCheck } from '../../../src/db/checks.ts';
import { SQLSTATE } from '../../../src/db/sqlstate.ts';
import { shardOf } from '../../../src/tenancy/context/pool-shards.ts';
import { createProof } from '../../../src/tenancy/context/proof.ts';
import { migrate } from '../../../src/tenancy/fleet/migrate.ts';
import type { LaneLogin } from '../../../src/tenancy/registry/lane-logins.ts';
import { run } from '../../cli/run.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { environmentOf, makeUser, serve, until } from '../../helpers/server.ts';
import { type Member, openWorld, type World } from '../../helpers/world.ts';

const SHARED = 2;
let world: World;
/** The logins of lane 0 and 1, which are shared, and of lane 2. */
let logins: LaneLogin[];
let members: Member[];

const migrateWith = (lanes: readonly LaneLogin[], shared = SHARED) =>
  world.alone(() => migrate(world.owner, { ...world.fleet, laneLogins: { logins: lanes, shared } }));
const environment = (overrides: Record<string, string> = {}) =>
  environmentOf(world, {
    LANES: String(SHARED),
    LANE_LOGINS: logins.map(({ login, password }) => `${login}:${password}`).join(),
    DIRECTORY_TTL: '1',
    ...overrides,
  });
const laneOf = ({ id }: Member): number => shardOf(id, SHARED);

test.before(async () => {
  world = await openWorld({ project: servedProject, installs: true });
  logins = [0, 1, 2].map((lane) => ({
    login: `${world.service}_lane_${lane}`,
    password: `the password of lane ${lane}`.replaceAll(' ', '-'),
  }));
  await migrateWith(logins);
  members = [world.acme, world.globex];
  // Tenants of both shared lanes, created after the logins.
  while (members.length < 4 || new Set(members.slice(2).map(laneOf)).size < SHARED) {
    members.push(await world.provision(`t${members.length}`));
  }
});
test.after.always(async () => {
  for (const { login } of logins ?? []) {
    await world.asOwner(`drop owned by ${login}; drop role ${login}`).catch(() => {});
  }
  await world?.close();
});

async function connectTo(t: ExecutionContext, lane: LaneLogin): Promise<pg.Client> {
  const client = new pg.Client(connectionAs(world.serviceUrl, lane));
  client.on('error', () => {});
  t.teardown(() => client.end());
  await client.connect();
  return client;
}

/** The tenants whose roles a login may take, by schema. */
const tenantsOf = async (login: string): Promise<string[]> =>
  (
    await world.asOwner<{ schema: string }>(
      `select t.schema_name as schema
       from public.tenants as t
       where pg_has_role($1, t.role_name, 'member')
       order by t.schema_name collate "C"`,
      [login],
    )
  ).map(({ schema }) => schema);

const expectedOf = (lane: number): string[] =>
  members
    .filter((member) => laneOf(member) === lane)
    .map(({ schema }) => schema as string)
    .sort();

test.serial('each login is a member of the roles of its own tenants, of old and new ones', async (t) => {
  for (const [lane, { login }] of logins.entries()) {
    const found = await tenantsOf(login);
    t.deepEqual(
      found.filter((schema) => schema !== 'site'),
      expectedOf(lane),
    );
    for (const check of [
      'service-privileges',
      'service-memberships',
      'service-owns-nothing',
      'service-table-rights',
      'role-settings',
    ]) {
      const query = (text: string) => world.asOwner(text);
      t.deepEqual(await runCheck(query, { check, service: login }), [], check);
    }
  }
});

test.serial(
  'arbitrary statements on a connection of one lane cannot become a tenant of another lane',
  async (t) => {
    const own = members.find((member) => laneOf(member) === 0) as Member;
    const other = members.find((member) => laneOf(member) === 1) as Member;
    await world.asOwner(
      `insert into ${other.schema}.notes (name) select 'known' from generate_series(1, 200)`,
    );
    await world.asOwner(`analyze ${other.schema}.notes`);
    /** Whether the attacker distinguishes a name that the other tenant has from one that it has not. */
    const distinguishes = async (client: pg.Client): Promise<boolean> => {
      const plans: string[] = [];
      for (const guess of ['known', 'nobody']) {
        const { expires, text } = createProof(world.keys[0], own.id);
        await client.query('begin');
        await client.query('select * from tenancy.enter($1, $2, $3)', [own.id, expires, text]);
        await client.query(`set local role ${other.role}`);
        const { rows } = await client.query(
          `explain select from ${other.schema}.notes where name = '${guess}'`,
        );
        plans.push(
          JSON.stringify(rows)
            .replaceAll(guess, '')
            .replaceAll(/width=\d+/g, ''),
        );
        await client.query('rollback');
      }
      return plans[0] !== plans[1];
    };
    // The login of DATABASE_URL, which all lanes use by default: an oracle, although the policy hides the rows.
    const single = new pg.Client(connectionTo(world.serviceUrl));
    t.teardown(() => single.end());
    await single.connect();
    t.true(await distinguishes(single));

    const [first] = logins as [LaneLogin];
    const client = await connectTo(t, first);
    await t.throwsAsync(distinguishes(client), {
      code: SQLSTATE.INSUFFICIENT_PRIVILEGE,
      message: /permission denied to set role/,
    } as never);
    await client.query('rollback');
    await t.throwsAsync(client.query('select * from tenancy.find_due($1, 1)', ['mail']), {
      message: /permission denied/,
    });
  },
);

test.serial('the service serves every tenant with the login of its lane', async (t) => {
  const service = await serve(world, environment());
  t.teardown(service.close);
  for (const { host } of members) {
    t.is((await service.request(host, 'GET', '/api/notes/')).status, 401);
    const { status } = await service.request(host, 'POST', '/api/auth/jwt/create/', {
      body: { username: 'nobody', password: 'a wrong password' },
    });
    t.is(status, 401, host);
  }
  // A connection has the name of its tenant until it is reset, which follows the response.
  const used = await until(
    () =>
      world.asOwner<{ login: string }>(
        `select distinct usename::text as login from pg_stat_activity
         where application_name like 'koa-tenants lane%' and datname = current_database() order by 1`,
      ),
    (found) => found.length === logins.length,
  );
  t.deepEqual(
    used.map(({ login }) => login),
    logins.map(({ login }) => login),
  );
});

test.serial('does not start with other lanes than those of the last migration', async (t) => {
  for (const overrides of [{ LANES: '3' }, { LANE_LOGINS: '' }, { LANES: '1' }] as const) {
    await t.throwsAsync(serve(world, environment({ ...overrides })), {
      code: 'precondition_failed',
      message: /LANES or LANE_LOGINS differ from those of the last/,
    } as never);
  }
});

test.serial(
  'moves a tenant to a lane of its own while it is served, and back, without a failed request',
  async (t) => {
    const service = await serve(world, environment());
    t.teardown(service.close);
    await makeUser(world, 'acme', 'alice');
    const token = await service.logIn('acme.localhost', 'alice', 'correct horse battery staple');
    const statuses = new Set<number>();
    let isRunning = true;
    const reading = (async () => {
      while (isRunning) {
        const { status } = await service.request('acme.localhost', 'GET', '/api/notes/', { token });
        statuses.add(status);
        await wait(50);
      }
    })();
    const set = (...args: string[]) =>
      run('served-cli.ts', ['set-lane', '--schema', 'acme', '--wait-seconds', '4', ...args], environment());
    const moved = await set('--lane', '2');
    t.is(moved.code, 0, moved.err);
    const lanes = await Promise.all(
      logins.map(async ({ login }) => (await tenantsOf(login)).includes('acme')),
    );
    t.deepEqual(lanes, [false, false, true]);
    t.is((await service.request('acme.localhost', 'GET', '/api/notes/', { token })).status, 200);
    t.is(service.requests.at(-1)?.lane, 'main/2');
    const back = await set('--shared');
    t.is(back.code, 0, back.err);
    isRunning = false;
    await reading;
    t.deepEqual([...statuses], [200]);
    t.is((await tenantsOf(logins[laneOf(world.acme)]?.login ?? '')).includes('acme'), true);
    t.deepEqual(await tenantsOf(logins[2]?.login ?? ''), []);

    const missing = await set('--lane', '7');
    t.is(missing.code, 2);
    t.regex(missing.err, /There is no lane 7/);
  },
);

test.serial(
  'check names a login that may become a tenant of another lane, and revoke-lanes removes it',
  async (t) => {
    const [, , last] = logins as [LaneLogin, LaneLogin, LaneLogin];
    await world.asOwner(`grant ${world.acme.role} to ${last.login}`);
    const check = await run('served-cli.ts', ['check', '--json'], environment());
    t.like(
      JSON.parse(check.out).find(({ check: name }: { check: string }) => name === 'lane-logins'),
      { object: `role ${world.acme.role}`, fault: `may be used by the login ${last.login} of another lane` },
    );
    const { out } = await run('served-cli.ts', ['revoke-lanes'], environment());
    t.is(out.trim(), '1 memberships were removed.');
    t.deepEqual(await tenantsOf(last.login), []);
  },
);

test.serial(
  'migrate changes the password of a lane, and check names a login that is no longer configured',
  async (t) => {
    const [first, second, last] = logins as [LaneLogin, LaneLogin, LaneLogin];
    const changed = { ...first, password: 'another-password-of-lane-0' };
    t.true((await migrateWith([changed, second, last])).installed);
    await connectTo(t, changed);
    await t.throwsAsync(connectTo(t, first), { code: SQLSTATE.INVALID_PASSWORD } as never);
    t.false((await migrateWith([changed, second, last])).installed);

    await migrateWith([changed, second]);
    const { out } = await run('served-cli.ts', ['check', '--json'], environment());
    t.like(
      JSON.parse(out).find(({ object }: { object: string }) => object === `role ${last.login}`),
      { check: 'lane-logins', fault: 'may enter tenants, and is not in LANE_LOGINS' },
    );
  },
);
