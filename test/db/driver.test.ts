import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type pg from 'pg';
import {
  BackendTerminatedError,
  createPool,
  type DatabasePool,
  SchemaValidationError,
  StatementTimeoutError,
  sql,
  UniqueIntegrityConstraintViolationError,
} from 'slonik';
import { z } from 'zod';

import { DomainError } from '../../src/errors.ts';
import { fetchRows } from '../../src/tenancy/context/fetch-rows.ts';
import {
  flushEntry,
  type TenantDatabase,
  type TenantTransaction,
  withTenant,
} from '../../src/tenancy/context/with-tenant.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { raw } from '../isolation/attack.ts';
import { openTappedPool } from '../isolation/tapped-pool.ts';

let world: World;
test.before(async () => {
  world = await openWorld();
  // Hardening takes it from PUBLIC; the tests below count prepared statements.
  await world.asOwner('grant execute on function pg_catalog.pg_prepared_statement() to public');
  await world.asOwner('grant execute on function pg_catalog.pg_cursor() to public');
});
test.after.always(() => world?.close());

/** Runs `work` in acme, on a pool of its own with one connection. */
async function inside(
  t: ExecutionContext,
  options: {
    rewrite?: (text: string) => string;
    readOnly?: boolean;
    statementTimeout?: number;
    isPreparing?: false;
  } = {},
): Promise<{
  run: <T>(work: (tx: TenantTransaction) => Promise<T>) => Promise<T>;
  clients: readonly pg.Client[];
  pool: DatabasePool;
}> {
  const { pool, clients } = await openTappedPool(world, {
    ...(options.rewrite ? { rewrite: options.rewrite } : {}),
    ...(options.isPreparing === false ? { preparedStatements: undefined } : {}),
  });
  t.teardown(() => pool.end());
  const tenantDatabase: TenantDatabase = {
    ...world.tenantDatabase,
    poolOf: () => pool,
    statementTimeout: options.statementTimeout ?? 5000,
  };
  return {
    pool,
    clients,
    run: (work) =>
      withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: options.readOnly ?? false }, work),
  };
}

const names = async (like: string): Promise<string[]> =>
  (
    await world.asOwner<{ name: string }>('select name from acme.notes where name like $1 order by name', [
      like,
    ])
  ).map(({ name }) => name);

const add = (tx: TenantTransaction, name: string) =>
  tx.query(sql.unsafe`insert into notes (name) values (${name})`);

const pid = (tx: TenantTransaction): Promise<number> =>
  tx.oneFirst(sql.type(z.object({ pid: z.number() }))`select pg_backend_pid() as pid`);

const refused = { instanceOf: DomainError, code: 'statement_refused' } as never;
const aborted = { instanceOf: DomainError, code: 'transaction_aborted' } as never;

// Network round trips.

/** Creates a socket that counts its writes to the network. */
class CountingSocket extends Socket {
  writes = 0;
  override _write(chunk: never, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.writes += 1;
    super._write(chunk, encoding, callback);
  }
  override _writev(chunks: never, callback: (error?: Error | null) => void): void {
    this.writes += 1;
    super._writev?.(chunks, callback);
  }
}

test('a transaction with one query takes two network writes', async (t) => {
  const sockets: CountingSocket[] = [];
  const pool = await world.openPool({
    maxPoolSize: 1,
    connection: {
      connectionString: world.serviceUrl,
      stream: () => {
        const socket = new CountingSocket();
        sockets.push(socket);
        return socket;
      },
    },
  });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
  const read = () =>
    withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
      tx.any(raw('select id from notes')),
    );
  await read();
  const [socket] = sockets;
  const before = socket?.writes ?? 0;
  await read();
  t.is((socket?.writes ?? 0) - before, 2);

  const beforeFailing = socket?.writes ?? 0;
  await t.throwsAsync(
    withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, async (tx) => {
      await tx.any(raw('select id from notes'));
      throw new Error('on purpose');
    }),
    { message: 'on purpose' },
  );
  t.is((socket?.writes ?? 0) - beforeFailing, 2, 'and so is one that is rolled back');
  t.is(sockets.length, 1);
});

// No statement before the entry, and one statement at a time.

test('runs nothing in a transaction before the entry', async (t) => {
  const { pool } = await inside(t);
  await t.throwsAsync(
    pool.transaction((tx) => tx.query(sql.unsafe`select 1`)),
    { message: /must enter a tenant before it runs/ },
  );
  await t.throwsAsync(
    pool.transaction(() => Promise.resolve()),
    { message: /must enter a tenant before it runs/ },
  );
});

test('a transaction without a query still enters its tenant', async (t) => {
  const { run } = await inside(t);
  t.is(await run(() => Promise.resolve('done')), 'done');
  const tenantDatabase = { ...world.tenantDatabase, key: { id: 'test', secret: Buffer.alloc(32) } };
  await t.throwsAsync(
    withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, () => Promise.resolve('done')),
    { message: 'the proof is not valid' },
  );
});

test('the protocol rejects stacked statements when a query has no values', async (t) => {
  const { run } = await inside(t);
  await t.throwsAsync(
    run((tx) => tx.query(raw(`select 1; insert into notes (name) values ('stacked')`))),
    { message: /cannot insert multiple commands into a prepared statement/ },
  );
  await t.throwsAsync(
    run(async (tx) => {
      await tx.query(raw('select 1'));
      await tx.query(raw(`select 1; insert into notes (name) values ('stacked')`));
    }),
    { message: /cannot insert multiple commands into a prepared statement/ },
  );
  t.deepEqual(await names('stacked%'), []);
});

test("Slonik's own driver runs stacked statements: control for the test above", async (t) => {
  const pool = await createPool(world.ownerUrl, { maxPoolSize: 1 });
  try {
    const stacked = pool.query(raw(`select 1; insert into acme.notes (name) values ('own driver')`));
    await t.throwsAsync(stacked, { message: /multiple statements/ });
  } finally {
    await pool.end();
  }
  t.deepEqual(await names('own driver'), ['own driver']);
});

test('rejects stacked statements outside of transactions', async (t) => {
  const { pool } = await inside(t);
  await t.throwsAsync(pool.query(raw('select 1; select 2')), { message: /cannot insert multiple commands/ });
  await t.throwsAsync(pool.query(raw('set role none')), refused);
});

// Failures that must not look like success.

test('a transaction fails when its handler swallowed the error of a query', async (t) => {
  const { run } = await inside(t);
  await t.throwsAsync(
    run(async (tx) => {
      await add(tx, 'swallowed');
      await tx.query(sql.unsafe`select 1 / 0`).catch(() => {});
      return 'all is well';
    }),
    aborted,
  );
  t.deepEqual(await names('swallowed%'), []);
});

test('a transaction fails when its handler swallowed the error of the first query, which is sent with the entry', async (t) => {
  const { run } = await inside(t);
  await t.throwsAsync(
    run(async (tx) => {
      await tx.query(sql.unsafe`select 1 / 0`).catch(() => {});
      return 'all is well';
    }),
    aborted,
  );
});

test('a rejected statement never reaches the database, and the transaction can continue', async (t) => {
  const { run, clients } = await inside(t);
  await run(async (tx) => {
    await add(tx, 'refusal 1');
    await t.throwsAsync(tx.query(raw('rollback')), refused);
    await t.throwsAsync(tx.query(raw('set role none')), refused);
    await add(tx, 'refusal 2');
  });
  t.deepEqual(await names('refusal%'), ['refusal 1', 'refusal 2']);
  t.is(clients.length, 1);
});

for (const text of [
  'rollback',
  'commit',
  'rollback; begin',
  'COMMIT AND CHAIN',
  '/* select */ abort',
  'end',
  'begin',
]) {
  test(`"${text}" in a handler ends neither the transaction nor the tenant context`, async (t) => {
    const { run } = await inside(t);
    await t.throwsAsync(
      run(async (tx) => {
        await add(tx, `trick ${text}`);
        await tx.query(raw(text));
      }),
      refused,
    );
    t.deepEqual(await names(`trick ${text}`), []);
  });
}

for (const text of ['rollback', 'rollback; begin', 'commit', 'commit; begin']) {
  test(`a "${text}" sent past the driver is detected or harmless`, async (t) => {
    const { run, clients } = await inside(t);
    const outcome = run(async (tx) => {
      await add(tx, `beneath ${text}`);
      await clients[0]?.query(text);
      const { rows } = await tx.query(raw('select name from notes'));
      return rows;
    });
    // Outside its transaction a query has no tenant: path and role are reset.
    await t.throwsAsync(outcome);
    const { pool } = await inside(t);
    await t.notThrowsAsync(pool.query(raw('select 1')));
  });
}

test('reports a deferred constraint that fails at COMMIT', async (t) => {
  await world.asOwner(
    'create table acme.deferred (id bigint, constraint deferred_id unique (id) deferrable initially deferred)',
  );
  await world.asOwner(`select tenancy.protect_schema('acme')`);
  const { run } = await inside(t);
  await t.throwsAsync(
    run((tx) => tx.query(sql.unsafe`insert into deferred (id) values (1), (1)`)),
    { instanceOf: UniqueIntegrityConstraintViolationError },
  );
  t.is(
    await run((tx) =>
      tx.oneFirst(sql.type(z.object({ n: z.number() }))`select count(*)::integer as n from deferred`),
    ),
    0,
  );
});

test('rejects a row that does not match its schema', async (t) => {
  const { run } = await inside(t);
  await t.throwsAsync(
    run((tx) => tx.one(sql.type(z.object({ id: z.string() }))`select 1 as id`)),
    { instanceOf: SchemaValidationError },
  );
});

test('returns a bigint as a number while it is exact', async (t) => {
  const { run } = await inside(t);
  const row = await run((tx) => tx.one(raw('select 9007199254740991 as exact, 9007199254740992 as beyond')));
  t.deepEqual(row, { exact: 9_007_199_254_740_991, beyond: '9007199254740992' });
});

test('a read-only transaction cannot write', async (t) => {
  const { run } = await inside(t, { readOnly: true });
  await t.throwsAsync(
    run((tx) => add(tx, 'read only')),
    { message: /read-only transaction/ },
  );
});

// Connections survive errors.

test('keeps the connection after an error of the handler, of a query or of the entry', async (t) => {
  const { pool, run } = await inside(t);
  const first = await run(pid);
  await t.throwsAsync(
    run(() => Promise.reject(new Error('on purpose'))),
    { message: 'on purpose' },
  );
  t.is(await run(pid), first, 'work');
  await t.throwsAsync(
    run((tx) => tx.query(sql.unsafe`select 1 / 0`)),
    { message: /division by zero/ },
  );
  t.is(await run(pid), first, 'query');
  const tenantDatabase = {
    ...world.tenantDatabase,
    poolOf: () => pool,
    key: { id: 'test', secret: Buffer.alloc(32) },
  };
  await t.throwsAsync(withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, pid), {
    message: 'the proof is not valid',
  });
  t.is(await run(pid), first, 'entry');
});

test('a savepoint rolls back only its own statements', async (t) => {
  const { run } = await inside(t);
  await run(async (tx) => {
    await add(tx, 'savepoint outer');
    await t.throwsAsync(
      tx.transaction(async (inner) => {
        await inner.query(sql.unsafe`insert into notes (name) values ('savepoint inner')`);
        await inner.query(sql.unsafe`select 1 / 0`);
      }),
      { message: /division by zero/ },
    );
    await tx.transaction((inner) =>
      inner.query(sql.unsafe`insert into notes (name) values ('savepoint second')`),
    );
  });
  t.deepEqual(await names('savepoint%'), ['savepoint outer', 'savepoint second']);
});

test('a savepoint can be the first statement of a transaction, and releasing it keeps the tenant context', async (t) => {
  const { run } = await inside(t);
  const role = await run(async (tx) => {
    await tx.transaction(async (inner) => inner.query(sql.unsafe`select 1 / 0`)).catch(() => {});
    return tx.oneFirst(sql.type(z.object({ role: z.string() }))`select current_user::text as role`);
  });
  t.is(role, world.acme.role);
});

test('a failed guard takes precedence over the error of the handler, and rolls its work back', async (t) => {
  const guarded = withTenant(
    world.tenantDatabase,
    {
      tenant: world.acme.id,
      readOnly: false,
      guards: [
        {
          text: 'select $1::integer as n',
          values: [7],
          verify: ([row]) => {
            throw new Error(`the guard saw ${String(row?.n)}`);
          },
        },
      ],
    },
    async (tx) => {
      await add(tx, 'guarded');
    },
  );
  await t.throwsAsync(guarded, { message: 'the guard saw 7' });
  t.deepEqual(await names('guarded%'), []);
});

// State that a session leaves.

test('the session reset restores role, path and settings, and removes temporary tables, statements, cursors and channels', async (t) => {
  const database = new URL(world.ownerUrl).pathname.slice(1);
  await world.asOwner(`grant temporary on database ${database} to ${world.service}`);
  const { run, clients } = await inside(t, { isPreparing: false });
  const first = await run(async (tx) => {
    await flushEntry(tx);
    for (const text of [
      'set session role none',
      `set session search_path = globex`,
      `set session work_mem = '1MB'`,
      `set session statement_timeout = 1234`,
      'set session default_transaction_read_only = on',
      `set session "app.own" = 'left'`,
      'create temporary table left_over (id int)',
      'prepare left_over as select 1',
      'declare left_over cursor with hold for select 1',
      'listen left_over',
      `set session role ${world.globex.role}`,
    ]) {
      await clients[0]?.query(text);
    }
    return pid(tx);
  });
  await world.asOwner(`revoke temporary on database ${database} from ${world.service}`);
  const left = await clients[0]?.query(`
    select pg_backend_pid() as pid, current_user::text as role, session_user::text as login,
           current_setting('search_path') as path,
           current_setting('work_mem') <> '1MB' as work_mem,
           current_setting('statement_timeout') as timeout,
           current_setting('default_transaction_read_only') as read_only,
           coalesce(current_setting('app.own', true), '') as own,
           coalesce(tenancy.current_tenant(), '') as tenant,
           to_regclass('pg_temp.left_over') is null as temporary,
           (select count(*)::integer from pg_prepared_statements) as statements,
           (select count(*)::integer from pg_listening_channels()) as channels
  `);
  t.deepEqual(left?.rows, [
    {
      pid: first,
      role: world.service,
      login: world.service,
      path: '"$user", public',
      work_mem: true,
      timeout: '0',
      read_only: 'off',
      own: '',
      tenant: '',
      temporary: true,
      statements: 0,
      channels: 0,
    },
  ]);
  await t.throwsAsync(clients[0]?.query('fetch all from left_over') ?? Promise.resolve(), {
    message: /does not exist/,
  });
});

test('closes a session that cannot be reset, and returns the committed result', async (t) => {
  const { run, clients } = await inside(t, {
    rewrite: (text) => (text.startsWith('close all') ? 'select 1 / 0' : text),
  });
  await run((tx) => tx.query(sql.unsafe`insert into notes (name) values ('kept') returning id`));
  t.is((await world.asOwner(`select id from acme.notes where name = 'kept'`)).length, 1);
  await run(() => Promise.resolve()).catch(() => {});
  t.is(clients.length, 2);
});

// Broken connections and servers.

test('reports a killed backend, and the pool recovers', async (t) => {
  const { run } = await inside(t);
  const first = await run(pid);
  const killed = run(async (tx) => {
    const own = await pid(tx);
    await world.asOwner('select pg_terminate_backend($1)', [own]);
    await sleep(50);
    await tx.query(sql.unsafe`select 1`);
  });
  await t.throwsAsync(killed);
  t.not(await run(pid), first);
});

test('reports a backend killed during a statement', async (t) => {
  const { run } = await inside(t);
  let own = 0;
  const killed = run(async (tx) => {
    own = await pid(tx);
    await tx.query(sql.unsafe`select count(*) from generate_series(1, 1000000000)`);
  });
  while (own === 0) {
    await sleep(5);
  }
  await sleep(50);
  await world.asOwner('select pg_terminate_backend($1)', [own]);
  await t.throwsAsync(killed, { instanceOf: BackendTerminatedError });
  t.not(await run(pid), own);
});

test('a backend killed between two requests fails no request', async (t) => {
  const { run } = await inside(t);
  const first = await run(pid);
  await world.asOwner('select pg_terminate_backend($1)', [first]);
  await sleep(100);
  t.not(await run(pid), first);
});

test('cancels a statement after its timeout, and keeps the connection', async (t) => {
  const { run } = await inside(t, { statementTimeout: 100 });
  const first = await run(pid);
  const slow = run((tx) => tx.query(sql.unsafe`select count(*) from generate_series(1, 1000000000)`));
  await t.throwsAsync(slow, { instanceOf: StatementTimeoutError });
  t.is(await run(pid), first);
});

test('cancels an endless statement from Node, whatever timeout the session has set', async (t) => {
  const pool = await world.openPool({ maxPoolSize: 1, queryTimeout: 2_000 });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool, statementTimeout: 0 };
  const enter = { tenant: world.acme.id, readOnly: true };
  // Without a timeout it would take longer than a test may.
  await t.throwsAsync(
    withTenant(tenantDatabase, enter, (tx) =>
      tx.query(sql.unsafe`select count(*) from generate_series(1, 100000000000)`),
    ),
  );
  await t.notThrowsAsync(withTenant(tenantDatabase, enter, (tx) => tx.query(sql.unsafe`select 1`)));
});

/** Returns the sessions that still run a statement after a delay. */
async function activeOf(applicationName: string): Promise<unknown[]> {
  const active = () =>
    world.asOwner(`select pid from pg_stat_activity where application_name = $1 and state = 'active'`, [
      applicationName,
    ]);
  for (let wait = 0; wait < 20 && (await active()).length > 0; wait += 1) {
    await sleep(100);
  }
  return active();
}

test('a cancel from Node also ends the statement in PostgreSQL', async (t) => {
  const applicationName = 'ended from node';
  const pool = await world.openPool({ maxPoolSize: 1, queryTimeout: 300, applicationName });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool, statementTimeout: 0 };
  await t.throwsAsync(
    withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
      tx.query(sql.unsafe`select count(*) from generate_series(1, 1000000000)`),
    ),
  );
  t.deepEqual(await activeOf(applicationName), []);
});

test('sends a second cancel when the first one is lost', async (t) => {
  const target = new URL(world.serviceUrl);
  let connections = 0;
  const between = createServer((client) => {
    connections += 1;
    if (connections === 2) {
      client.destroy();
      return;
    }
    const server = connect(Number(target.port || 5432), target.hostname);
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) {
      socket.on('error', () => {});
    }
  }).listen(0, '127.0.0.1');
  await once(between, 'listening');
  t.teardown(() => void between.close());
  const through = new URL(target);
  through.hostname = '127.0.0.1';
  through.port = String((between.address() as AddressInfo).port);
  const applicationName = 'first cancel lost';
  const pool = await world.openPool({
    maxPoolSize: 1,
    queryTimeout: 300,
    applicationName,
    connection: { connectionString: through.href },
  });
  const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool, statementTimeout: 0 };
  await t.throwsAsync(
    withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
      tx.query(sql.unsafe`select count(*) from generate_series(1, 1000000000)`),
    ),
  );
  t.deepEqual(await activeOf(applicationName), []);
});

test('rejects a cursor of Slonik', async (t) => {
  const { pool } = await inside(t);
  await t.throwsAsync(pool.stream(sql.unsafe`select 1`, () => {}));
});

const numbered = (count: number, text = `repeat('x', 100)`) => ({
  ...sql.type(z.object({ id: z.number(), text: z.string() }))`select`,
  sql: `select i as id, ${text} as text from generate_series(1, ${count}) as s (i)`,
});

for (const isPreparing of [undefined, false] as const) {
  const how = isPreparing === undefined ? 'with' : 'without';
  test(`returns the rows of a query in parts, ${how} prepared statements`, async (t) => {
    const { run, clients } = await inside(t, isPreparing === undefined ? {} : { isPreparing });
    for (const count of [0, 1, 49, 50, 51, 5_000]) {
      const [ids, sizes] = await run(async (tx) => {
        const [ids, sizes]: [number[], number[]] = [[], []];
        for await (const rows of fetchRows(tx, numbered(count))) {
          ids.push(...rows.map(({ id }) => id));
          sizes.push(rows.length);
          // Other statements and other cursors of the transaction do not move this one.
          await tx.query(sql.unsafe`select 1`);
          await fetchRows(tx, numbered(100)).next();
        }
        return [ids, sizes];
      });
      t.deepEqual(
        ids,
        Array.from({ length: count }, (_, index) => index + 1),
      );
      t.true(sizes.every((size) => size <= 500));
    }
    t.is(clients.length, 1);
  });
}

test('a part has fewer rows when the rows are large', async (t) => {
  const { run } = await inside(t);
  const sizes = await run(async (tx) => {
    const sizes: number[] = [];
    for await (const rows of fetchRows(tx, numbered(90, `repeat('x', 100000)`))) {
      sizes.push(rows.length);
    }
    return sizes;
  });
  t.deepEqual(sizes.slice(0, 4), [50, 3, 3, 3]);
});

test('an error in the middle of a cursor rolls the transaction back and keeps the connection', async (t) => {
  const { run, clients } = await inside(t);
  const seen: number[] = [];
  await t.throwsAsync(
    run(async (tx) => {
      for await (const rows of fetchRows(tx, numbered(200, `(1 / (150 - i))::text`))) {
        seen.push(...rows.map(({ id }) => id));
      }
    }),
    { message: /division by zero|22012/ },
  );
  t.true(seen.length >= 50 && seen.length < 150);
  t.is(await run((tx) => tx.oneFirst(sql.unsafe`select 1`)), 1);
  t.is(clients.length, 1);
});

test('a cursor that is not read to its end is closed with the transaction', async (t) => {
  const { run } = await inside(t);
  const left = await run(async (tx) => {
    const rows = fetchRows(tx, numbered(5_000));
    await rows.next();
    return rows;
  });
  await t.throwsAsync(left.next(), { message: /transaction has ended/ });
  t.is(
    // The statement itself runs in a portal without a name.
    await run((tx) => tx.oneFirst(sql.unsafe`select count(*) from pg_catalog.pg_cursor() where name <> ''`)),
    0,
  );
});

test('a cursor accepts only statements that read or write rows', async (t) => {
  const { run } = await inside(t);
  for (const text of ['set role none', 'declare x cursor for select 1', 'select 1; select 2']) {
    const query = { ...sql.type(z.looseObject({}))`select`, sql: text };
    await t.throwsAsync(
      run((tx) => fetchRows(tx, query).next()),
      undefined,
      text,
    );
  }
});
