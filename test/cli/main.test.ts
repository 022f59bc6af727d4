import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import pg from 'pg';

import { servedProject } from '../fixture-app/served-project.ts';
import {
  APP_SECRET,
  environmentOf,
  makeUser,
  PASSWORD,
  sendRequest,
  TENANCY_KEYS,
  until,
} from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { isPlain, onNode, REPOSITORY_CLI, REPOSITORY_MAIN, run, startMain } from './run.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
});
test.after.always(() => world?.close());

const main = (overrides: Record<string, string> = {}) =>
  run('served-main.ts', [], environmentOf(world, overrides));

async function logIn(port: number): Promise<string> {
  const { body } = await sendRequest(port, 'acme.localhost', 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice', password: PASSWORD },
  });
  return body.access;
}

test('logs a warning about a Node.js with published vulnerabilities', async (t) => {
  const { child, lines, ended } = await startMain(environmentOf(world, onNode('24.21.0')));
  child.kill('SIGTERM');
  t.is(await ended, 0);
  const warnings = lines
    .map((line) => JSON.parse(line))
    .filter(({ level, msg }) => level === 40 && String(msg).startsWith('Node '));
  t.deepEqual(
    warnings.map(({ msg }) => msg),
    ['Node 24.21.0 has published vulnerabilities (CVE-2026-111497). Use Node 24.22.1 or later.'],
  );
});

test('names every invalid variable in one run, without its value, and exits 2', async (t) => {
  const faulty = {
    DATABASE_URL: 'mysql://app:hidden-password@localhost/app',
    APP_SECRET: 'hidden-and-short',
    TENANCY_KEYS: 'id:hidden',
    PORT: '70000',
    LANES: '0',
    POOL_SIZE: 'ten',
    LOG_LEVEL: 'loud',
    TRUST_PROXY: 'yes',
    BASE_DOMAIN: 'not a domain',
    DIRECTORY_TTL: '1.5',
  };
  const ran = await main(faulty);
  t.is(ran.code, 2);
  t.is(ran.out, '');
  for (const name of Object.keys(faulty)) {
    t.regex(ran.err, new RegExp(`^  ${name} `, 'm'));
  }
  t.notRegex(ran.err, /hidden/);
  t.notRegex(ran.err, /^\s+at /m);
});

test('names variables that are not set', async (t) => {
  const ran = await run('served-main.ts', [], {});
  t.is(ran.code, 2);
  for (const name of ['DATABASE_URL', 'APP_SECRET', 'TENANCY_KEYS']) {
    t.regex(ran.err, new RegExp(`^  ${name} is not set$`, 'm'));
  }
});

test('exits 1 with one sentence when PostgreSQL is down at start', async (t) => {
  const ran = await main({ DATABASE_URL: 'postgres://app:hidden-password@127.0.0.1:1/app' });
  t.is(ran.code, 1);
  isPlain(t, ran, ['hidden-password']);
});

test('reports PostgreSQL’s reason and the variable for a wrong password, role or database, and exits 1', async (t) => {
  const changed = (variable: 'serviceUrl' | 'ownerUrl', change: (url: URL) => void): URL => {
    const url = new URL(world[variable]);
    change(url);
    return url;
  };
  const database = (url: URL): void => {
    url.pathname = '/no_such_database';
  };
  const role = (url: URL): void => {
    url.username = 'no_such_login';
    url.password = 'hidden-password';
  };
  const password = (url: URL): void => {
    url.password = 'hidden-password';
  };
  // The server trusts connections from this machine in some test setups: no password is wrong there.
  const client = new pg.Client({ connectionString: changed('serviceUrl', password).href });
  const trusting = await client.connect().then(
    () => true,
    () => false,
  );
  await client.end();
  for (const [change, reason] of [
    [database, /database "no_such_database" does not exist/],
    [role, /(role "no_such_login" does not exist|password authentication failed for user "no_such_login")/],
    ...(trusting ? [] : [[password, /password authentication failed for user/] as const]),
  ] as const) {
    const service = changed('serviceUrl', change);
    const owner = changed('ownerUrl', change);
    for (const [ran, variable, { host }] of [
      [await main({ DATABASE_URL: service.href }), 'DATABASE_URL', service],
      [
        await run(
          'served-cli.ts',
          ['list-tenants'],
          environmentOf(world, { OWNER_DATABASE_URL: owner.href }),
        ),
        'OWNER_DATABASE_URL',
        owner,
      ],
    ] as const) {
      t.is(ran.code, 1);
      t.true(ran.err.startsWith(`Cannot connect to PostgreSQL at ${host}: `), ran.err);
      t.true(ran.err.endsWith(`. Check ${variable}.\n`), ran.err);
      t.regex(ran.err, reason);
      isPlain(t, ran, ['hidden-password']);
    }
  }
});

test('prints the version of the package with --version, also without configuration', async (t) => {
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'));
  for (const file of [REPOSITORY_MAIN, REPOSITORY_CLI]) {
    const ran = await run(file, ['--version'], {});
    t.deepEqual([ran.code, ran.out, ran.err], [0, `${version}\n`, ''], file);
  }
});

test('does not start with a login that has too many rights', async (t) => {
  const ran = await main({ DATABASE_URL: world.ownerUrl });
  t.is(ran.code, 1);
  t.notRegex(ran.err, /^\s+at /m);
  t.is(ran.out, '');
});

test('exits 1 with one sentence when the port is taken', async (t) => {
  const first = await startMain(environmentOf(world));
  t.teardown(() => first.child.kill('SIGKILL'));
  const ran = await main({ PORT: String(first.port) });
  t.is(ran.code, 1);
  isPlain(t, ran);
  t.regex(ran.err, new RegExp(String(first.port)));
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test.serial(`completes a running request on ${signal}, and exits 0`, async (t) => {
    const { port, child, ended } = await startMain(environmentOf(world, { STATEMENT_TIMEOUT: '8000' }));
    const lock = new pg.Client(world.owner);
    await lock.connect();
    t.teardown(async () => {
      child.kill('SIGKILL');
      await lock.end();
    });
    const token = await logIn(port);
    await lock.query('begin');
    await lock.query('lock table acme.notes in access exclusive mode');
    const running = sendRequest(port, 'acme.localhost', 'POST', '/api/notes/', {
      token,
      body: { name: `last on ${signal}` },
    });
    const waits = await until(
      () =>
        world.asOwner(`select pid from pg_stat_activity where usename = $1 and wait_event_type = 'Lock'`, [
          world.service,
        ]),
      (found) => found.length > 0,
    );
    t.is(waits.length, 1);
    child.kill(signal);
    const refused = await until(
      () =>
        sendRequest(port, 'acme.localhost', 'GET', '/healthz').then(
          () => null,
          (error: Error) => error,
        ),
      (error) => error !== null,
    );
    t.truthy(refused);
    await lock.query('commit');
    t.is((await running).status, 201);
    t.is(await ended, 0);
    t.is((await world.asOwner('select id from acme.notes where name = $1', [`last on ${signal}`])).length, 1);
  });
}

test('logs JSON lines without passwords, tokens, secrets and values', async (t) => {
  const other = await openWorld({ project: servedProject });
  await makeUser(other, 'acme', 'alice');
  const { port, child, lines, errors, ended } = await startMain(environmentOf(other, { LOG_LEVEL: 'trace' }));
  t.teardown(async () => {
    child.kill('SIGKILL');
    await other.close();
  });
  const { body: pair } = await sendRequest(port, 'acme.localhost', 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice', password: PASSWORD },
  });
  await sendRequest(port, 'acme.localhost', 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice', password: 'a wrong secret-password' },
  });
  const token = pair.access;
  await sendRequest(port, 'acme.localhost', 'GET', '/api/notes/?search=needle-searched', { token });
  await sendRequest(port, 'acme.localhost', 'GET', '/api/notes/', { token: `${token}x` });
  await sendRequest(port, 'acme.localhost', 'POST', '/api/notes/', {
    token,
    raw: '{"name": "needle-unparsed',
  });

  // The bugs whose errors contain most: a failing query, and rows that do not match their schema.
  const bugs: string[] = [];
  const provoke = async (method: string, path: string, body?: unknown) => {
    const answer = await sendRequest(port, 'acme.localhost', method, path, { token, body });
    t.deepEqual([answer.status, answer.text], [500, '{"detail":"Internal error."}'], `${method} ${path}`);
    bugs.push(String(answer.headers['x-request-id']));
  };
  await other.asOwner(
    `create function acme.reject() returns trigger language plpgsql as $$
     begin raise exception 'no % here', new.name using detail = new.name; end $$`,
  );
  await other.asOwner(
    `create trigger reject before insert on acme.notes for each row
     when (new.name like 'needle%') execute function acme.reject()`,
  );
  await provoke('POST', '/api/notes/', { name: 'needle-bound', description: 'needle-described' });
  await other.asOwner('alter table acme.notes rename column description to hidden');
  await provoke('GET', '/api/notes/?search=needle-failed');
  await provoke('POST', '/api/notes/', { name: 'x', description: 'needle-inserted' });
  await other.asOwner('alter table acme.notes rename column hidden to description');
  // A row that the route cannot parse: its id is not a number.
  await other.asOwner('alter table acme.notes drop constraint notes_pkey cascade');
  await other.asOwner(
    'alter table acme.notes alter column id drop identity; alter table acme.notes alter column id type text',
  );
  await other.asOwner(`insert into acme.notes (id, name, description) values ('needle-stored', 'row', '')`);
  await provoke('GET', '/api/notes/');

  child.kill('SIGTERM');
  t.is(await ended, 0);
  const all = [...lines, ...errors].join('\n');
  for (const secret of [
    PASSWORD,
    'secret-password',
    pair.access,
    pair.refresh,
    APP_SECRET,
    ...TENANCY_KEYS.split(/[:,]/).filter((part) => part.length > 20),
    new URL(other.serviceUrl).password,
    '$argon2',
    'needle-',
  ]) {
    t.false(all.includes(secret), secret);
  }
  const entries = lines.map((line) => JSON.parse(line));
  const logged = bugs.map((id) => entries.find(({ requestId, msg }) => requestId === id && msg === 'bug'));
  const [raised, column, inserted, row] = logged;
  t.like(raised, { method: 'POST', route: '/api/notes', tenant: other.acme.id });
  t.like(raised.error, { code: 'P0001', message: undefined });
  t.regex(raised.error.statement, /^insert into "notes" \(name, description\) values \(\$1, \$2\)/);
  t.is(column.error.message, 'column "description" does not exist');
  t.is(inserted.error.code, '42703');
  t.is(row.error.name, 'SchemaValidationError');
  t.true(logged.every(({ error }) => /\s+at /.test(error.stack)));
  t.is(entries.filter(({ msg }) => msg === 'request').length, 9);
  t.is(errors.join(''), '');
});
