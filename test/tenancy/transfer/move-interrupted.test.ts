import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import pg from 'pg';

import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { reconcileRegistry } from '../../../src/tenancy/registry/reconcile-registry.ts';
import { killAt } from '../../cli/kill-at.ts';
import { isPlain } from '../../cli/run.ts';
import { PASSWORD, type TestService, until } from '../../helpers/server.ts';
import type { World } from '../../helpers/world.ts';
import { raw } from '../../isolation/attack.ts';
import { interrupt } from './interrupt.ts';
import type { Premium } from './premium.ts';
import { openTwoDatabases, type TwoDatabases } from './two-databases.ts';
import { insertVariedRows } from './varied-tables.ts';

let both: TwoDatabases;
let world: World;
let premium: Premium;
let service: TestService;
let tenants: TwoDatabases['tenants'];
let move: TwoDatabases['move'];
let createPopulated: TwoDatabases['createPopulated'];
let databaseOf: TwoDatabases['databaseOf'];
test.serial.before(async () => {
  both = await openTwoDatabases({ tables: '' });
  ({ world, premium, service, tenants, move, createPopulated, databaseOf } = both);
});
test.after.always(() => both?.close());

test.serial(
  'stops the move when a transaction does not end in time, and leaves the tenant at its source',
  async (t) => {
    const slow = await world.provision('slow');
    const inside = new pg.Client(world.owner);
    await inside.connect();
    await inside.query('begin');
    await inside.query('select pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [slow.id]);
    const error = await t.throwsAsync(move('slow', 'premium', { blockSeconds: 1 }));
    t.like(error, { code: 'tenant_busy' });
    t.regex(error?.message ?? '', /--block-seconds/);
    await inside.end();
    t.is(await databaseOf('slow'), 'main');
    t.deepEqual(await premium.asOwner(`select to_regnamespace('slow') as there`), [{ there: null }]);
    await t.notThrowsAsync(
      withTenant(world.tenantDatabase, { tenant: slow.id, readOnly: true }, (tx) =>
        tx.any(raw('select id from notes')),
      ),
    );
    await t.notThrowsAsync(move('slow', 'premium'));
  },
);

test.serial('does not switch to a copy that differs from its source', async (t) => {
  await world.provision('unequal');
  await insertVariedRows(world, 'unequal');
  await premium.asOwner(`
    create function public.spoil() returns event_trigger language plpgsql as $$
    begin
      if to_regclass('unequal.notes') is not null then
        update unequal.notes set name = 'spoilt' where id = 1;
      end if;
    end $$`);
  // Fires when FORCE ROW LEVEL SECURITY is restored, after all rows were copied.
  await premium.asOwner(
    `create event trigger spoil on ddl_command_end when tag in ('ALTER TABLE') execute function public.spoil()`,
  );
  await t.throwsAsync(move('unequal', 'premium'), {
    message: /unequal\.notes differs from its source/,
  });
  await premium.asOwner('drop event trigger spoil');
  await premium.asOwner('drop function public.spoil()');
  t.is(await databaseOf('unequal'), 'main');
  await t.notThrowsAsync(move('unequal', 'premium'));
});

test.serial(
  'keeps the tenant served at its source when a move is killed, and can repeat the move',
  async (t) => {
    const killed = await createPopulated('killed');
    const moving = ['move-tenant', '--schema', 'killed', '--to', 'premium', '--block-seconds', '30'];
    const copying = { on: 'main', statement: /copy .*notes/s } as const;
    await interrupt(t, both, moving, copying, { how: killAt });
    t.is(await databaseOf('killed'), 'main');
    t.is((await killed.list()).status, 200);
    t.deepEqual(await premium.asOwner(`select from pg_namespace where nspname = 'killed'`), []);
    const again = await tenants(...moving, '--json');
    t.is(again.code, 0, again.err);
    t.like(JSON.parse(again.out), { schema: 'killed', from: 'main', to: 'premium' });
    t.is((await killed.list()).body.count, 40);
  },
);

test.serial('replaces a copy that was never switched to in the next move', async (t) => {
  const { id } = await world.provision('limbo');
  await move('limbo', 'premium', { keepDays: 1 });
  // As if the process was killed after the target's commit and before main's.
  await world.asOwner(`update public.tenants set database = 'main' where id = $1`, [id]);
  await world.asOwner('delete from tenancy.retained_copies where tenant_id = $1', [id]);
  await world.asOwner(`insert into limbo.notes (name) values ('since')`);
  await move('limbo', 'premium');
  t.deepEqual(await premium.asOwner('select name from limbo.notes'), [{ name: 'since' }]);
});

test.serial(
  'repairs the placement at the former target of a killed move with the next command',
  async (t) => {
    const { id } = await world.provision('homeward');
    await move('homeward', 'premium', { keepDays: 1 });
    // As if the process was killed after main's commit, before the target's cleanup.
    await world.asOwner(`update public.tenants set database = 'main' where id = $1`, [id]);
    t.is((await tenants('list-tenants')).code, 0);
    t.deepEqual(await premium.asOwner('select database from public.tenants where id = $1', [id]), [
      { database: 'main' },
    ]);
  },
);

test.serial('repairs a wrong placement on the tenant’s own database with the next command', async (t) => {
  const { id } = await world.provision('confused');
  await move('confused', 'premium');
  await premium.asOwner(`update public.tenants set database = 'main' where id = $1`, [id]);
  t.is((await tenants('list-tenants')).code, 0);
  t.deepEqual(await premium.asOwner('select database from public.tenants where id = $1', [id]), [
    { database: 'premium' },
  ]);
});

test.serial('keeps a tenant accessible when a command runs during its move', async (t) => {
  const { id, host } = await createPopulated('beside');
  let moving = true;
  const commands = (async () => {
    while (moving) {
      await reconcileRegistry(world.owner, premium.database.owner, 'premium');
      await wait(30);
    }
  })();
  for (const to of ['premium', 'main', 'premium']) {
    await move('beside', to);
  }
  moving = false;
  await commands;
  t.deepEqual(await premium.asOwner('select database from public.tenants where id = $1', [id]), [
    { database: 'premium' },
  ]);
  t.truthy(await service.logIn(host, 'mover', PASSWORD));
});

test.serial('completes one of two concurrent moves of a tenant', async (t) => {
  const { id } = await world.provision('twice');
  // The first move waits for a transaction of the tenant until the second one has ended.
  const inside = new pg.Client(world.owner);
  await inside.connect();
  await inside.query('begin');
  await inside.query('select pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [id]);
  const first = move('twice', 'premium');
  const waits = () =>
    world.asOwner(
      `select from pg_locks
       where locktype = 'advisory' and not granted
         and database = (select oid from pg_database where datname = current_database())`,
    );
  t.is((await until(waits, (found) => found.length === 1)).length, 1);
  await t.throwsAsync(move('twice', 'premium'), { code: 'tenant_busy' } as never);
  await inside.end();
  t.like(await first, { to: 'premium' });
});

test.serial('rejects invalid moves with one sentence', async (t) => {
  await world.provision('asleep');
  await world.asOwner(`update public.tenants set status = 'deleted' where schema_name = 'asleep'`);
  const refusals: ReadonlyArray<readonly [code: number, expected: RegExp, args: readonly string[]]> = [
    [2, /required/, ['move-tenant', '--schema', 'acme']],
    [2, /no database "gold"/, ['move-tenant', '--schema', 'acme', '--to', 'gold']],
    [2, /is already on "main"/, ['move-tenant', '--schema', 'acme', '--to', 'main']],
    [
      2,
      /block-seconds must be a whole number/,
      ['move-tenant', '--schema', 'acme', '--to', 'premium', '--block-seconds', '0'],
    ],
    [
      2,
      /keep-days must be a whole number/,
      ['move-tenant', '--schema', 'acme', '--to', 'premium', '--keep-days', 'x'],
    ],
    [1, /No tenant has the schema "nobody"/, ['move-tenant', '--schema', 'nobody', '--to', 'premium']],
    [1, /status deleted/, ['move-tenant', '--schema', 'asleep', '--to', 'premium']],
  ];
  for (const [code, expected, args] of refusals) {
    const ran = await tenants(...args);
    t.is(ran.code, code, `${args.join(' ')}: ${ran.err}`);
    t.regex(ran.err, expected);
    isPlain(t, ran);
  }
  for (const command of ['move-tenant', 'drop-retained-copies']) {
    t.is((await tenants(command, '--help')).code, 0);
  }
});
