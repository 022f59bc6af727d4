import test from 'ava';
import { createPool, SchemaValidationError, sql, UniqueIntegrityConstraintViolationError } from 'slonik';
import { z } from 'zod';

import { withTenant } from '../../src/tenancy/context/with-tenant.ts';
import type { World } from '../helpers/world.ts';
import { raw } from '../isolation/attack.ts';
import { openCountedPool } from './counting-socket.ts';
import { aborted, add, insideOf, namesOf, openDriverWorld, pid, refused } from './driver-world.ts';

let world: World;
test.before(async () => {
  world = await openDriverWorld();
});
test.after.always(() => world?.close());

const inside = insideOf(() => world);
const names = namesOf(() => world);

// Network round trips.

test('a transaction with one query takes two network writes', async (t) => {
  const { pool, sockets } = await openCountedPool(world);
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

const many = (count: number) => ({
  ...raw(
    `select ${Array.from({ length: count }, (_, index) => `$slonik_${index + 1}::int`).join(' + ')} as sum`,
  ),
  values: new Array<number>(count).fill(1),
});

test('a statement with more values than the protocol can count is not sent, and its transaction can continue', async (t) => {
  const { run, clients } = await inside(t);
  await run(async (tx) => {
    await t.throwsAsync(tx.query(many(65_536)), {
      message: 'A statement has at most 65535 values. Use sql.unnest for more.',
    });
    await add(tx, 'counted 1');
    await t.throwsAsync(tx.query(many(70_000)), { message: /at most 65535 values/ });
    await add(tx, 'counted 2');
  });
  t.deepEqual(await names('counted%'), ['counted 1', 'counted 2']);
  t.is(clients.length, 1);
});

test('no statement runs without its entry after one that could not be encoded', async (t) => {
  let failed = 0;
  const sent: string[] = [];
  const { run } = await inside(t, {
    rewrite: (text) => {
      if (text.includes('unencodable')) {
        failed += 1;
        // Only a text can be encoded.
        return 42 as never;
      }
      sent.push(text);
      return text;
    },
  });
  await t.throwsAsync(
    run(async (tx) => {
      await t.throwsAsync(tx.query(raw(`select 'unencodable'`)));
      await t.throwsAsync(tx.query(raw('select session_user')));
      return 'all is well';
    }),
  );
  t.is(failed, 1);
  t.false(sent.some((text) => text.includes('session_user')));
  t.is(await run(() => Promise.resolve('done')), 'done', 'another connection serves the next transaction');
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
