import { request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import pg from 'pg';
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
import { LIST } from './attacks/http.ts';
import { serveTestApp } from './test-app.ts';

/** Five for each connection, so that a connection always serves another tenant than before. */
const TENANTS = 20;
const TURNS = 2000;
/** Clients. Each sends its next request after its response. */
const CLIENTS = 60;

/** Injected into a route. Reads a table that the test has locked, and so waits until the statement times out. */
const LONG = "' and exists (select from attack_ranges) --";

/** A user of a tenant. `contested`: the id of the row that all requests of the tenant change. */
type Person = Readonly<{ member: Member; token: string; contested: number }>;

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
        const name = `${member.schema} contested ${tries}`;
        const outcome = await sendRequest(app.port, member.host, 'POST', LIST, {
          token,
          body: { name },
        });
        attempts.push({ schema: member.schema, name, outcome });
        return outcome;
      },
      ({ status }) => status === 201,
    );
    people.push({ member, token, contested: created.body.id });
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
const sendAndDisconnect = ({ member, token }: Person, name: string, after: number): Promise<Error> =>
  new Promise((disconnected) => {
    const outgoing = request({
      port: app.port,
      method: 'POST',
      path: LIST,
      headers: {
        Host: member.host,
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
      },
    });
    outgoing.on('error', disconnected);
    outgoing.on('response', (answer) => answer.destroy());
    outgoing.on('close', () => disconnected(new Error('disconnected')));
    outgoing.end(JSON.stringify({ name }), () => {
      void wait(after).then(() => outgoing.destroy());
    });
  });

/** Kills or cancels one of the app's connections. */
const interruptOne = (how: 'pg_terminate_backend' | 'pg_cancel_backend', which: string): Promise<unknown> =>
  world.asOwner(
    `select ${how}(pid) from pg_stat_activity
     where usename = $1 and application_name like 'concurrent%' and ${which} order by random() limit 1`,
    [world.service],
  );

/** The statuses of all responses by the kind of the request, and each response with data of another tenant. */
const statuses = new Map<string, number>();
const foreign: string[] = [];

/** Records a response. A name of another tenant in it is a leak. */
function check({ member }: Person, kind: string, outcome: Answer | Error): void {
  const status = outcome instanceof Error ? 'none' : outcome.status;
  statuses.set(`${kind} ${status}`, (statuses.get(`${kind} ${status}`) ?? 0) + 1);
  const text = outcome instanceof Error ? '' : outcome.text;
  for (const [, schema] of text.matchAll(/"name":"(member_\d+) /g)) {
    if (schema !== member.schema) {
      foreign.push(`${member.schema} received data of ${schema}: ${text.slice(0, 120)}`);
    }
  }
}

type Turn = (person: Person, n: number) => Promise<void>;

const nameOf = ({ member }: Person, n: number): string => `${member.schema} ${n}`;

const create: Turn = async (person, n) => {
  const name = nameOf(person, n);
  const outcome = await send(person, 'POST', LIST, { name });
  attempts.push({ schema: person.member.schema, name, outcome });
  check(person, 'create', outcome);
};

const list: Turn = async (person) => check(person, 'list', await send(person, 'GET', LIST));

/** Sends three requests at the same time that change one row. */
const change: Turn = async (person) => {
  const changes = ['one', 'two', 'three'].map((description) =>
    send(person, 'PATCH', `${LIST}${person.contested}/`, { description }),
  );
  for (const outcome of await Promise.all(changes)) {
    check(person, 'change', outcome);
  }
};

const inject = async (person: Person, kind: string, q: string): Promise<void> =>
  check(person, kind, await send(person, 'GET', `/api/injectable/?q=${encodeURIComponent(q)}`));

const disconnect: Turn = async (person, n) => {
  const name = nameOf(person, n);
  attempts.push({
    schema: person.member.schema,
    name,
    outcome: await sendAndDisconnect(person, name, n % 4),
  });
};

// Each one that is overdue keeps a connection for its whole time: a few are enough.
const overdue: Turn = (person, n) => (n % 25 === 0 ? inject(person, 'overdue', LONG) : list(person, n));

/** Sends the token to the host of another tenant. */
const misdirect: Turn = async (person, n) => {
  const { host } = (people[(n + 1) % TENANTS] as Person).member;
  const misdirected = { ...person, member: { ...person.member, host } };
  check(person, 'foreign', await send(misdirected, 'GET', LIST));
};

/** What the tenants do, in turn. */
const KINDS: readonly Turn[] = [
  create,
  create,
  list,
  change,
  (person) => inject(person, 'inject', "' or true --"),
  disconnect,
  overdue,
  misdirect,
];

/** Sends all requests, while another session keeps the tables of `LONG` locked, and backends are killed and cancelled. */
async function sendAll(): Promise<void> {
  const holder = new pg.Client({ connectionString: world.ownerUrl });
  await holder.connect();
  const locked = people.map(({ member }) => `${member.schema}.attack_ranges`);
  await holder.query(`begin; lock table ${locked.join(', ')} in access exclusive mode`);
  let next = 0;
  const client = async (): Promise<void> => {
    for (let n = next++; n < TURNS; n = next++) {
      await KINDS[Math.floor(n / TENANTS) % KINDS.length]?.(people[n % TENANTS] as Person, n);
      if (n % 97 === 50) {
        await interruptOne('pg_terminate_backend', 'true');
      } else if (n % 41 === 20) {
        await interruptOne('pg_cancel_backend', "state = 'active'");
      }
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client)).finally(() => holder.end());
}

test.serial(
  `${TURNS} requests of ${TENANTS} tenants over 4 connections, with disconnects, cancellations, timeouts, collisions and killed backends, each return their own rows, and every confirmed row exists once`,
  async (t) => {
    t.timeout(600_000);
    await sendAll();
    t.log(Object.fromEntries([...statuses].sort()));
    t.deepEqual(foreign, []);
    t.deepEqual(app.bugs, [], 'a broken connection is not reported as a bug');
    await account(t, world, attempts, 'attack_notes');
    for (const wanted of [
      'create 201',
      'list 200',
      'change 200',
      'inject 200',
      'foreign 401',
      'overdue 503',
    ]) {
      t.true((statuses.get(wanted) ?? 0) > 0, `no response was "${wanted}"`);
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
    const unhurried = await serveTestApp({ ...world, pool, tenantDatabase }, {});
    t.teardown(unhurried.close);
    await world.asOwner(
      `begin; update ${schema}.attack_notes set description = 'first' where id = ${person.contested}`,
    );
    const changing = unhurried.request(host, 'PATCH', `${LIST}${person.contested}/`, {
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
      person.contested,
    ]);
    t.deepEqual(rows, [{ description: 'first' }]);
  },
);
