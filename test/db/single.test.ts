import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  BackendTerminatedError,
  type QuerySqlToken,
  SchemaValidationError,
  StatementTimeoutError,
  sql,
  UniqueIntegrityConstraintViolationError,
} from 'slonik';
import { z } from 'zod';

import { ApiError, DomainError } from '../../src/errors.ts';
import { querySingle } from '../../src/tenancy/context/query-single.ts';
import type { Entering } from '../../src/tenancy/context/tenant-database.ts';
import { withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { until } from '../helpers/until.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { raw } from '../isolation/attack.ts';
import { openTappedPool } from '../isolation/tapped-pool.ts';
import { openCountedPool } from './counting-socket.ts';
import { openCuttingProxy } from './cutting-proxy.ts';

let world: World;
test.before(async () => {
  world = await openWorld();
  await world.asOwner(
    `create table acme.marks (
       id bigint generated always as identity,
       name text not null,
       constraint marks__name unique (name) deferrable initially deferred,
       constraint marks__long check (length(name) < 100)
     )`,
  );
  await world.asOwner(`select tenancy.protect_schema('acme')`);
});
test.after.always(() => world?.close());

const id = z.object({ id: z.number() });
const insert = (name: string) => sql.type(id)`insert into marks (name) values (${name}) returning id`;
const marks = async (name: string): Promise<number> =>
  (await world.asOwner('select from acme.marks where name = $1', [name])).length;

type Options = Partial<Entering> & { rewrite?: (text: string) => string; queryTimeout?: number };

/** Runs single statements in acme, on a pool of its own with one connection. */
async function singles(t: ExecutionContext, { rewrite, queryTimeout, ...options }: Options = {}) {
  const { pool, clients } = await openTappedPool(world, {
    ...(rewrite ? { rewrite } : {}),
    ...(queryTimeout ? { queryTimeout } : {}),
  });
  t.teardown(() => pool.end());
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
  const entering = {
    tenant: world.acme.id,
    readOnly: false,
    admitted: ['active'] as const,
    ...options,
  };
  return {
    pool,
    clients,
    tenantDatabase,
    entering,
    run: (query: QuerySqlToken<z.ZodType>) => querySingle(tenantDatabase, entering, query),
  };
}

/** A query with a complete text. */
const anyRow = (text: string) => ({ ...sql.type(z.looseObject({}))`select`, sql: text });

const aborted = { instanceOf: DomainError, code: 'transaction_aborted' } as never;
const refused = { instanceOf: DomainError, code: 'statement_refused' } as never;
const unknown = { instanceOf: DomainError, code: 'outcome_unknown' } as never;

test('sends a single statement with its entry, guards and reset in one network write', async (t) => {
  const { pool, sockets } = await openCountedPool(world);
  const guard = { text: 'select tenancy.require(true, null)', values: [], raises: true, verify: () => {} };
  const write = (name: string) =>
    querySingle(
      { ...world.tenantDatabase, poolOf: () => pool },
      { tenant: world.acme.id, readOnly: false, admitted: ['active'], guards: [guard] },
      insert(name),
    );
  await write('first write');
  const before = sockets[0]?.writes ?? 0;
  await write('second write');
  t.is((sockets[0]?.writes ?? 0) - before, 1);
  t.is(await marks('second write'), 1);
});

test('a single statement runs with the role, path and context of its tenant, and leaves none of them', async (t) => {
  const { run, clients } = await singles(t);
  const inside = `select current_user::text as role, current_setting('search_path') as path,
    coalesce(tenancy.current_tenant(), '') as tenant`;
  t.deepEqual(await run(anyRow(inside)), [
    { role: world.acme.role, path: 'acme, extensions, pg_temp', tenant: world.acme.role },
  ]);
  const after = await clients[0]?.query(inside);
  t.deepEqual(after?.rows, [{ role: world.service, path: '"$user", public', tenant: '' }]);
});

test('validates rows with the schema of the query', async (t) => {
  const { run } = await singles(t, { readOnly: true });
  await t.throwsAsync(run(sql.type(z.object({ id: z.string() }))`select 1 as id`), {
    instanceOf: SchemaValidationError,
  });
});

test('the error of a row schema does not contain the proof', async (t) => {
  const { run } = await singles(t, { readOnly: true });
  const error = await t.throwsAsync(
    run(sql.type(z.object({ id: z.string() }))`select ${'bound'}::text as name`),
  );
  const text =
    JSON.stringify(error) +
    JSON.stringify(Object.getOwnPropertyNames(error).map((name) => Reflect.get(error as object, name)));
  t.notRegex(text, /test\.[0-9a-f]{64}|bound/);
});

test('a read-only single statement cannot write', async (t) => {
  const { run } = await singles(t, { readOnly: true });
  await t.throwsAsync(run(insert('read only')), { message: /read-only transaction/ });
  t.is(await marks('read only'), 0);
});

test('keeps the connection after an error, and saves nothing', async (t) => {
  const { run, clients } = await singles(t);
  await t.throwsAsync(run(insert('x'.repeat(200))));
  await t.throwsAsync(run(sql.type(id)`select 1 / 0 as id`), { message: /division by zero/ });
  await run(insert('after errors'));
  t.is(clients.length, 1);
});

test('an error after the first rows rolls the statement back and returns no rows', async (t) => {
  const { run } = await singles(t);
  await t.throwsAsync(
    run(sql.type(id)`
      with added as (insert into marks (name) values ('rows, then an error') returning id)
      select n::integer as id from generate_series(1, 5000) as n where 1 / (4000 - n) is not null and exists (select from added)
    `),
    { message: /division by zero/ },
  );
  t.is(await marks('rows, then an error'), 0);
});

test('reports a deferred constraint that fails at the Sync, and rolls the statement back', async (t) => {
  const { run, clients } = await singles(t);
  await run(insert('once'));
  await t.throwsAsync(run(insert('once')), { instanceOf: UniqueIntegrityConstraintViolationError });
  t.is(await marks('once'), 1);
  t.is(clients.length, 1);
});

for (const text of ['begin', 'commit', 'rollback', 'start transaction', 'savepoint s', 'commit and chain']) {
  test(`rejects "${text}", and reports an error when it is sent past the driver`, async (t) => {
    const { run } = await singles(t);
    await t.throwsAsync(run(anyRow(text)), refused);
    const rewriting = await singles(t, { rewrite: (sent) => (sent === 'select 7' ? text : sent) });
    await t.throwsAsync(rewriting.run(anyRow('select 7')));
    // The next user's session is not inside a transaction.
    const [row] = await rewriting.run(anyRow('select pg_current_xact_id_if_assigned() is null as fresh'));
    t.deepEqual(row, { fresh: true });
  });
}

test('closes the connection after a begin past the driver', async (t) => {
  const { run, clients } = await singles(t, { rewrite: (sent) => (sent === 'select 7' ? 'begin' : sent) });
  await t.throwsAsync(run(anyRow('select 7')), aborted);
  await run(anyRow('select 8 as id'));
  t.is(clients.length, 2);
});

test('PostgreSQL rejects a tenant status that is not admitted, before the statement', async (t) => {
  const { run } = await singles(t, {
    admit: (status) => {
      if (status !== 'active') {
        throw new ApiError('payment_required', status);
      }
    },
  });
  for (const [change, status] of [
    [`status = 'suspended'`, 'suspended'],
    [`on_trial = false, paid_until = (now() at time zone 'UTC')::date - 1`, 'unpaid'],
  ] as const) {
    await world.alone(async () => {
      await world.asOwner(`update public.tenants set ${change} where id = $1`, [world.globex.id]);
    });
    const globex = { ...(await singles(t)).entering, tenant: world.globex.id };
    await t.throwsAsync(
      querySingle(
        world.tenantDatabase,
        {
          ...globex,
          admit: (found) => {
            throw new ApiError('payment_required', found);
          },
        },
        sql.type(id)`insert into notes (name) values (${`while ${status}`}) returning id`,
      ),
      { code: 'payment_required', message: status },
    );
    t.deepEqual(await world.asOwner('select from globex.notes where name = $1', [`while ${status}`]), []);
    await world.asOwner(
      `update public.tenants set status = 'active', on_trial = true, paid_until = null where id = $1`,
      [world.globex.id],
    );
  }
  await run(insert('admitted'));
  t.is(await marks('admitted'), 1);
});

for (const [condition, why] of [
  ['false', 'is false'],
  ['null::boolean', 'is null'],
  ['(select true from marks where id < 0)', 'is a missing row'],
] as const) {
  test(`a guard whose condition ${why} rolls the statement back, and its code becomes the error`, async (t) => {
    const guard = {
      text: `select tenancy.require(${condition}, 'nobody')`,
      values: [],
      raises: true,
      rejection: (code: string) => new ApiError('user_not_found', code),
      verify: () => {},
    };
    const { run, clients } = await singles(t, { guards: [guard] });
    await t.throwsAsync(run(insert(`guarded ${why}`)), { code: 'user_not_found', message: 'nobody' });
    t.is(await marks(`guarded ${why}`), 0);
    await t.throwsAsync(run(insert(`guarded ${why}`)), { code: 'user_not_found' });
    t.is(clients.length, 1);
  });
}

test('a guard or status check in Node only rolls nothing back: control for the tests above', async (t) => {
  // Without the rule: the same texts, with a function that raises nothing.
  const rewrite = (text: string): string => text.replaceAll('tenancy.require(', 'concat(');
  const reject = (): never => {
    throw new ApiError('payment_required', 'in Node');
  };
  const guard = { text: `select tenancy.require(false, 'nobody')`, values: [], raises: true, verify: reject };
  const guarded = await singles(t, { rewrite, guards: [guard] });
  await t.throwsAsync(guarded.run(insert('guard removed')), { message: 'in Node' });
  t.is(await marks('guard removed'), 1);

  const admitted = await singles(t, { rewrite, admit: reject });
  await t.throwsAsync(admitted.run(insert('status removed')), { message: 'in Node' });
  t.is(await marks('status removed'), 1);
});

test('a guard that only Node can evaluate can withhold rows but protects no write', async (t) => {
  const guard = {
    text: 'select 7 as n',
    values: [],
    verify: () => {
      throw new ApiError('user_inactive', 'in Node');
    },
  };
  const writing = await singles(t, { guards: [guard] });
  await t.throwsAsync(writing.run(insert('in Node')), { instanceOf: TypeError });
  t.is(await marks('in Node'), 0);
  const reading = await singles(t, { guards: [guard], readOnly: true });
  await t.throwsAsync(reading.run(anyRow('select 1 as id')), { code: 'user_inactive' });
});

test('resets a session that a single statement changed before the next one', async (t) => {
  const { run, clients, pool } = await singles(t);
  await run(anyRow('select 1 as id'));
  await clients[0]?.query("set session work_mem = '1MB'");
  await run(anyRow('select 1 as id'));
  const [row] = (await pool.any(raw(`select current_setting('work_mem') as work_mem`))) as ReadonlyArray<{
    work_mem: string;
  }>;
  t.not(row?.work_mem, '1MB');
});

test('closes a session that cannot be reset', async (t) => {
  const { run, clients } = await singles(t, {
    rewrite: (text) => (text.startsWith('close all') ? 'select 1 / 0' : text),
  });
  await run(insert('kept'));
  t.is(await marks('kept'), 1);
  await run(anyRow('select 1 as id'));
  t.is(clients.length, 2);
});

test('a statement over the timeout is rolled back and reported as timed out', async (t) => {
  const { tenantDatabase, entering } = await singles(t);
  await t.throwsAsync(
    querySingle(
      { ...tenantDatabase, statementTimeout: 200 },
      entering,
      sql.type(id)`
        with added as (insert into marks (name) values ('slow') returning id)
        select count(*)::integer as id from generate_series(1, 1000000000) as n, added
      `,
    ),
    { instanceOf: StatementTimeoutError },
  );
  t.is(await marks('slow'), 0);
});

test('a connection lost between the write and ReadyForQuery is reported as an unknown outcome, never as success', async (t) => {
  const { url, cut } = await openCuttingProxy(t, world.serviceUrl);
  const pool = await world.openPool({ maxPoolSize: 1, connection: { connectionString: url } });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
  const entering = { tenant: world.acme.id, readOnly: false, admitted: ['active'] as const };
  /** The response arrives before the reset has ended, so the proxy cuts afterwards. */
  const isIdle = async (): Promise<void> => {
    while (pool.state().idleConnections === 0) {
      await sleep(10);
    }
  };
  await querySingle(tenantDatabase, entering, insert('before the cut'));
  await isIdle();
  cut(true);
  await t.throwsAsync(querySingle(tenantDatabase, entering, insert('cut')), unknown);
  cut(false);
  t.is(await marks('cut'), 1, 'it was saved, so an error that invites a retry would save it twice');

  await querySingle(tenantDatabase, entering, insert('after the cut'));
  await isIdle();
  cut(true);
  await t.throwsAsync(
    querySingle(tenantDatabase, { ...entering, readOnly: true }, sql.type(id)`select 1 as id`),
    { instanceOf: BackendTerminatedError },
    'what only reads may be repeated',
  );
  cut(false);

  await t.throwsAsync(
    withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: false }, async (tx) => {
      await tx.query(sql.unsafe`insert into marks (name) values ('cut at commit')`);
      cut(true);
    }),
    unknown,
    'an ordinary transaction is lost the same way during its COMMIT',
  );
  cut(false);
  t.is(await marks('cut at commit'), 1);
});

test('a backend killed during the statement has saved nothing, and is not reported as an unknown outcome', async (t) => {
  const { run } = await singles(t);
  const killed = run(sql.type(id)`
    with added as (insert into marks (name) values ('killed') returning id)
    select count(*)::integer as id from generate_series(1, 1000000000) as n, added
  `);
  const find = () =>
    world.asOwner<{ pid: number }>(
      `select pid from pg_stat_activity
       where datname = current_database() and state = 'active' and query like '%''killed''%' and pid <> pg_backend_pid()`,
    );
  const [backend] = await until(find, (found) => found.length > 0);
  await world.asOwner('select pg_terminate_backend($1)', [backend?.pid]);
  await t.throwsAsync(killed, { instanceOf: BackendTerminatedError });
  t.is(await marks('killed'), 0);
});
