import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import { sql } from 'slonik';
import { z } from 'zod';

import type { Round } from '../../src/db/driver/entry.ts';
import { sqlComment } from '../../src/db/sql/sql-comment.ts';
import { withTenant } from '../../src/tenancy/context/with-tenant.ts';
import { until } from '../helpers/until.ts';
import { openWorld, type World } from '../helpers/world.ts';

let guarded: World;
let signed: World;
test.before(async () => {
  [guarded, signed] = await Promise.all([openWorld(), openWorld({ contextMode: 'signed' })]);
});
test.after.always(async () => {
  await Promise.all([guarded?.close(), signed?.close()]);
});

const number = z.object({ n: z.number() });

test('an observer of a transaction receives its round trips and its statements without their values', async (t) => {
  const rounds: Round[] = [];
  const watch = { comment: () => null, onRound: (round: Round) => rounds.push(round) };
  await withTenant(guarded.tenantDatabase, { tenant: guarded.acme.id, readOnly: true, watch }, async (tx) => {
    await tx.one(sql.type(number)`select ${41}::integer as n`);
    await tx.one(sql.type(number)`select 2 as n`);
  });
  t.deepEqual(
    rounds.map(({ text }) => text),
    ['select $1::integer as n', 'select 2 as n', null],
  );
  t.true(rounds.every(({ started, ended, failed }) => ended >= started && !failed));

  rounds.length = 0;
  await t.throwsAsync(
    withTenant(guarded.tenantDatabase, { tenant: guarded.acme.id, readOnly: true, watch }, (tx) =>
      tx.one(sql.type(number)`select 1 / 0 as n`),
    ),
  );
  t.like(rounds[0], { text: 'select 1 / 0 as n', failed: true });

  const before = rounds.length;
  await withTenant(guarded.tenantDatabase, { tenant: guarded.acme.id, readOnly: true }, (tx) =>
    tx.one(sql.type(number)`select 1 as n`),
  );
  t.is(rounds.length, before, 'the next transaction of the connection has no watcher');
});

for (const contextMode of ['guarded', 'signed'] as const) {
  const worldOf = () => (contextMode === 'guarded' ? guarded : signed);

  test(`${contextMode}: pg_stat_activity shows the schema of the entered tenant, and none afterwards`, async (t) => {
    const world = worldOf();
    const pool = await world.openPool({ maxPoolSize: 1, applicationName: `own name ${contextMode}` });
    const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
    const comment = sqlComment({ tenant: 'acme', route: '/api/notes/:id' });
    const watch = { comment: () => comment, onRound: () => {} };
    const seen = () =>
      world.asOwner<{ name: string; query: string }>(
        `select application_name as name, query from pg_stat_activity where usename = $1 and pid = $2`,
        [world.service, pid],
      );
    let pid = 0;
    await withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true, watch }, async (tx) => {
      pid = (await tx.one(sql.type(number)`select pg_backend_pid() as n`)).n;
      t.deepEqual(await seen(), [
        {
          name: 'koa-tenants acme',
          query: `/*tenant='acme',route='/api/notes/:id'*/ select pg_backend_pid() as n`,
        },
      ]);
    });
    const [after] = await seen();
    t.is(after?.name, `own name ${contextMode}`);
  });

  test(`${contextMode}: a tenant does not see the current activity of other tenants`, async (t) => {
    const world = worldOf();
    const pool = await world.openPool({ maxPoolSize: 2 });
    const tenantDatabase = { ...world.tenantDatabase, poolOf: () => pool };
    const watch = { comment: () => sqlComment({ tenant: 'globex' }), onRound: () => {} };
    await withTenant(tenantDatabase, { tenant: world.globex.id, readOnly: true, watch }, async (other) => {
      await other.one(sql.type(number)`select 424242 as n`);
      const looks = [
        'select application_name, query from pg_stat_activity',
        'select application_name, query from pg_catalog.pg_stat_get_activity(null)',
        'select pg_stat_get_backend_activity(i) from generate_series(1, 50) as i',
        'select pg_stat_get_backend_pid(i) from generate_series(1, 50) as i',
        'select i from pg_stat_get_backend_idset() as i',
        'select * from pg_stat_ssl',
        'select * from pg_stat_gssapi',
        'select * from pg_stat_replication',
        'select * from pg_stat_progress_create_index',
        'select * from pg_locks',
      ];
      for (const text of looks) {
        const error = await t.throwsAsync(
          withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
            tx.any({ ...sql.unsafe`select`, sql: text }),
          ),
          undefined,
          text,
        );
        t.is((error as { code?: string }).code ?? (error?.cause as { code?: string })?.code, '42501', text);
      }
      const own = await withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
        tx.one(sql.type(z.object({ name: z.string() }))`select current_setting('application_name') as name`),
      );
      t.is(own.name, 'koa-tenants acme');
    });

    // Without the wall, the same query reads the other tenant: the test searches the right place.
    await world.asOwner('grant select on pg_catalog.pg_stat_activity to public');
    await world.asOwner('grant execute on function pg_catalog.pg_stat_get_activity(integer) to public');
    await withTenant(tenantDatabase, { tenant: world.globex.id, readOnly: true }, async (other) => {
      await other.one(sql.type(number)`select 1 as n`);
      const names = await withTenant(tenantDatabase, { tenant: world.acme.id, readOnly: true }, (tx) =>
        tx.any(
          sql.type(z.object({ name: z.string() }))`
            select application_name as name
            from pg_stat_activity
            where datname = current_database()
          `,
        ),
      );
      t.true(names.some(({ name }) => name === 'koa-tenants globex'));
    });
  });
}

test('PostgreSQL ends a transaction that exceeds the idle timeout', async (t) => {
  const pool = await guarded.openPool({ maxPoolSize: 1 });
  const tenantDatabase = { ...guarded.tenantDatabase, poolOf: () => pool, idleTimeout: 100 };
  const enter = { tenant: guarded.acme.id, readOnly: true };
  await t.throwsAsync(
    withTenant(tenantDatabase, enter, async (tx) => {
      await tx.one(sql.type(number)`select 1 as n`);
      await wait(1_500);
      await tx.one(sql.type(number)`select 2 as n`);
    }),
  );
  const patient = { ...tenantDatabase, idleTimeout: 0 };
  const found = await withTenant(patient, enter, (tx) => tx.one(sql.type(number)`select 3 as n`));
  t.is(found.n, 3, 'the lane goes on with another connection');
});

test('ends a session that raises its own idle timeout from Node', async (t) => {
  const pool = await guarded.openPool({ maxPoolSize: 1 });
  const tenantDatabase = { ...guarded.tenantDatabase, poolOf: () => pool, idleTimeout: 300 };
  const enter = { tenant: guarded.acme.id, readOnly: true };
  const raise = {
    text: `select set_config('idle_in_transaction_session_timeout', '0', true)`,
    values: [],
    verify: () => {},
  };
  await guarded.asOwner(
    `grant execute on function pg_catalog.set_config(text, text, boolean) to ${guarded.acme.role}`,
  );
  t.teardown(() =>
    guarded.asOwner(
      `revoke execute on function pg_catalog.set_config(text, text, boolean) from ${guarded.acme.role}`,
    ),
  );
  await t.throwsAsync(
    withTenant(tenantDatabase, { ...enter, guards: [raise] }, async (tx) => {
      const held = await tx.one(
        sql.type(
          z.object({ n: z.string() }),
        )`select current_setting('idle_in_transaction_session_timeout') as n`,
      );
      t.is(held.n, '0');
      await wait(4_000);
      await tx.one(sql.type(number)`select 2 as n`);
    }),
  );
});

test('a pool reports how many requests wait for a connection', async (t) => {
  const pool = await guarded.openPool({ maxPoolSize: 1 });
  const tenantDatabase = { ...guarded.tenantDatabase, poolOf: () => pool };
  const enter = { tenant: guarded.acme.id, readOnly: true };
  const one = () => withTenant(tenantDatabase, enter, (tx) => tx.one(sql.type(number)`select 1 as n`));
  let others: Array<Promise<unknown>> = [];
  await withTenant(tenantDatabase, enter, async (tx) => {
    await tx.one(sql.type(number)`select 1 as n`);
    others = [one(), one()];
    const waitingClients = await until(
      async () => pool.state().waitingClients,
      (count) => count === 2,
    );
    t.is(waitingClients, 2);
  });
  await Promise.all(others);
  t.is(pool.state().waitingClients, 0);
});
