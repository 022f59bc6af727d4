import { request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import { type Attempt, account } from '../fault/writers.ts';
import {
  type Answer,
  makeUser,
  PASSWORD,
  sendRequest,
  serve,
  type TestService,
  until,
} from '../helpers/server.ts';
import type { Member, World } from '../helpers/world.ts';
import { attackedProject } from './attacked-project.ts';
import { openAttackedWorld } from './attacked-world.ts';
import { serveTestApp } from './test-app.ts';

/** Five for each connection, so that a connection always serves another tenant than before. */
const TENANTS = 20;
const TURNS = 2000;
const AT_ONCE = 60;

type Person = Readonly<{ member: Member; token: string; hot: number }>;

let world: World;
let app: TestService;
const people: Person[] = [];
const attempts: Attempt[] = [];

/** Creates the tenants, each with one user and one row that all of its requests change. */
test.serial.before(async (t) => {
  t.timeout(300_000);
  world = await openAttackedWorld({ project: attackedProject });
  const service = await serve(world);
  const members: Member[] = [];
  for (let n = 1; n <= TENANTS; n += 1) {
    const member = await world.provision(`member_${n}`);
    await makeUser(world, member.schema, 'ann', { email: `ann@${member.schema}.example` });
    members.push(member);
  }
  const tokens = await Promise.all(members.map(({ host }) => service.logIn(host, 'ann', PASSWORD)));
  await service.close();
  // Two requests that change one row collide, and one is rejected with 40001.
  await world.asOwner(`alter role ${world.service} set default_transaction_isolation = 'repeatable read'`);
  const pool = await world.openPool({ applicationName: 'concurrent', maxPoolSize: 4, queryTimeout: 2000 });
  app = await serveTestApp(
    {
      ...world,
      pool,
      tenantDatabase: { ...world.tenantDatabase, poolOf: () => pool, statementTimeout: 400 },
    },
    {},
  );
  for (const [index, member] of members.entries()) {
    const token = tokens[index] ?? '';
    let tries = 0;
    // On a loaded machine, the short timeout may end it.
    const created = await until(
      async () => {
        tries += 1;
        const name = `${member.schema} hot ${tries}`;
        const outcome = await sendRequest(app.port, member.host, 'POST', '/api/attack-notes/', {
          token,
          body: { name },
        });
        attempts.push({ schema: member.schema, name, outcome });
        return outcome;
      },
      ({ status }) => status === 201,
    );
    people.push({ member, token, hot: created.body.id });
  }
});
test.after.always(async () => {
  await app?.close();
  await world?.close();
});

const send = (
  { member, token }: Person,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer | Error> =>
  sendRequest(app.port, member.host, method, path, { token, ...(body === undefined ? {} : { body }) }).catch(
    (error: Error) => error,
  );

/** Sends a request and disconnects, immediately or a moment later. */
const leave = ({ member, token }: Person, name: string, after: number): Promise<Error> =>
  new Promise((left) => {
    const outgoing = request({
      port: app.port,
      method: 'POST',
      path: '/api/attack-notes/',
      headers: {
        Host: member.host,
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
      },
    });
    outgoing.on('error', left);
    outgoing.on('response', (answer) => answer.destroy());
    outgoing.on('close', () => left(new Error('left')));
    outgoing.end(JSON.stringify({ name }), () => {
      void wait(after).then(() => outgoing.destroy());
    });
  });

/** Kills or cancels one of the app's connections. */
const end = (how: 'pg_terminate_backend' | 'pg_cancel_backend', which: string): Promise<unknown> =>
  world.asOwner(
    `select ${how}(pid) from pg_stat_activity
     where usename = $1 and application_name like 'concurrent%' and ${which} order by random() limit 1`,
    [world.service],
  );

test.serial(
  `${TURNS} requests of ${TENANTS} tenants over 4 connections, with disconnects, cancellations, timeouts, collisions and killed backends, each return their own rows, and every confirmed row exists once`,
  async (t) => {
    t.timeout(600_000);
    const statuses = new Map<string, number>();
    const foreign: string[] = [];
    /** Records a response. A name of another tenant in it is a leak. */
    const check = ({ member }: Person, what: string, outcome: Answer | Error): void => {
      const status = outcome instanceof Error ? 'none' : outcome.status;
      statuses.set(`${what} ${status}`, (statuses.get(`${what} ${status}`) ?? 0) + 1);
      const text = outcome instanceof Error ? '' : outcome.text;
      for (const [, schema] of text.matchAll(/"name":"(member_\d+) /g)) {
        if (schema !== member.schema) {
          foreign.push(`${member.schema} received data of ${schema}: ${text.slice(0, 120)}`);
        }
      }
    };

    const turn = async (n: number): Promise<void> => {
      const person = people[n % TENANTS] as Person;
      const { schema } = person.member;
      const name = `${schema} ${n}`;
      switch (Math.floor(n / TENANTS) % 8) {
        case 0:
        case 1: {
          const outcome = await send(person, 'POST', '/api/attack-notes/', { name });
          attempts.push({ schema, name, outcome });
          check(person, 'create', outcome);
          break;
        }
        case 2:
          check(person, 'list', await send(person, 'GET', '/api/attack-notes/'));
          break;
        case 3: {
          const changes = ['one', 'two', 'three'].map((description) =>
            send(person, 'PATCH', `/api/attack-notes/${person.hot}/`, { description }),
          );
          for (const outcome of await Promise.all(changes)) {
            check(person, 'change', outcome);
          }
          break;
        }
        case 4:
          check(
            person,
            'inject',
            await send(person, 'GET', `/api/injectable/?q=${encodeURIComponent("' or true --")}`),
          );
          break;
        case 5: {
          const outcome = await leave(person, name, n % 4);
          attempts.push({ schema, name, outcome });
          break;
        }
        case 6: {
          const long =
            "' and (select count(*) from generate_series(1, 99999) as a, generate_series(1, 99999) as b) > 0 --";
          // Each one keeps a connection, and a processor, busy for its whole time: a few are enough.
          const isLong = n % 25 === 0;
          const path = isLong ? `/api/injectable/?q=${encodeURIComponent(long)}` : '/api/attack-notes/';
          check(person, isLong ? 'overdue' : 'list', await send(person, 'GET', path));
          break;
        }
        default: {
          const { host: theirs } = (people[(n + 1) % TENANTS] as Person).member;
          check(
            person,
            'foreign',
            await send(
              { ...person, member: { ...person.member, host: theirs } },
              'GET',
              '/api/attack-notes/',
            ),
          );
        }
      }
      if (n % 97 === 50) {
        await end('pg_terminate_backend', 'true');
      } else if (n % 41 === 20) {
        await end('pg_cancel_backend', "state = 'active'");
      }
    };

    // This number of clients at a time. Each sends its next request after its response.
    let next = 0;
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let n = next++; n < TURNS; n = next++) {
          await turn(n);
        }
      }),
    );
    t.log(Object.fromEntries([...statuses].sort()));
    t.deepEqual(foreign, []);
    t.deepEqual(app.bugs, [], 'a broken connection is not reported as a bug');
    await account(t, world, attempts, 'attack_notes');
    for (const what of ['create 201', 'list 200', 'change 200', 'inject 200', 'foreign 401', 'overdue 503']) {
      t.true((statuses.get(what) ?? 0) > 0, `${what} was never answered`);
    }
    // 504: a killed backend may close its connection before the service has read why.
    t.deepEqual(
      [...statuses.keys()].filter(
        (answer) =>
          !/^(create 201|(list|change|inject) 200|foreign 401|\w+ 503|(create|change) 504)$/.test(answer),
      ),
      [],
      'every response is the requested one, an error after which the client may retry, or one of a lost connection',
    );
  },
);

test.serial(
  'of two concurrent changes of one row at repeatable read, the second is rejected with a retry and saves nothing',
  async (t) => {
    const person = people[0] as Person;
    const { schema, host } = person.member;
    // Without the short timeouts: it waits for as long as the test holds the row.
    const pool = await world.openPool({ maxPoolSize: 1, queryTimeout: 60_000 });
    const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool, statementTimeout: 60_000 };
    const patient = await serveTestApp({ ...world, pool, tenantDatabase }, {});
    t.teardown(patient.close);
    await world.asOwner(
      `begin; update ${schema}.attack_notes set description = 'first' where id = ${person.hot}`,
    );
    const changing = patient.request(host, 'PATCH', `/api/attack-notes/${person.hot}/`, {
      token: person.token,
      body: { description: 'second' },
    });
    await until(
      () =>
        world
          .asOwner('select pg_stat_clear_snapshot()')
          .then(() =>
            world.asOwner(
              'select from pg_locks join pg_stat_activity as a using (pid) where a.usename = $1 and not granted',
              [world.service],
            ),
          ),
      (waiting) => waiting.length > 0,
    );
    await world.asOwner('commit');
    const outcome = await changing;
    t.is(outcome.status, 503);
    t.is(outcome.body.code, 'tenant_busy');
    const rows = await world.asOwner(`select description from ${schema}.attack_notes where id = $1`, [
      person.hot,
    ]);
    t.deepEqual(rows, [{ description: 'first' }]);
  },
);
