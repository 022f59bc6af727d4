import { once } from 'node:events';
import test from 'ava';
import pg from 'pg';

import { abortMove } from '../../../src/tenancy/transfer/move/abort-move.ts';
import type { MoveStep } from '../../../src/tenancy/transfer/move/move.ts';
import { disconnectAt, killAt } from '../../cli/kill-at.ts';
import { start } from '../../cli/run.ts';
import type { World } from '../../helpers/world.ts';
import { interrupt, type Moment } from './interrupt.ts';
import type { Premium } from './premium.ts';
import { hasSchema, leftovers } from './traces.ts';
import { openTwoDatabases, type TwoDatabases } from './two-databases.ts';
import { IDENTITIES, rowsOf } from './varied-tables.ts';

let both: TwoDatabases;
let world: World;
let premium: Premium;
let tenants: TwoDatabases['tenants'];
let move: TwoDatabases['move'];
let createPopulated: TwoDatabases['createPopulated'];
let databaseOf: TwoDatabases['databaseOf'];
test.serial.before(async () => {
  both = await openTwoDatabases({ tables: IDENTITIES, online: true });
  ({ world, premium, tenants, move, createPopulated, databaseOf } = both);
});
test.after.always(() => both?.close());

const STEPS: readonly MoveStep[] = [
  'publish',
  'open',
  'copy',
  'compare',
  'subscribe',
  'follow',
  'block',
  'catch up',
  'unsubscribe',
  'switch',
];

test.serial(
  'leaves the tenant served at its source, and nothing else, after a failure at any step',
  async (t) => {
    const failing = await createPopulated('failing');
    const before = await rowsOf(world, 'failing');
    for (const broken of STEPS) {
      await t.throwsAsync(
        move('failing', 'premium', {
          onStep: (step) => {
            if (step === broken) {
              throw new Error(`at ${step}`);
            }
          },
        }),
        { message: `at ${broken}` },
      );
      t.is(await databaseOf('failing'), 'main', broken);
      t.false(await hasSchema(premium, 'failing'), broken);
      t.deepEqual(await leftovers(world, premium), [], broken);
      t.is((await failing.list()).status, 200, broken);
    }
    t.deepEqual(await rowsOf(world, 'failing'), before);
    await move('failing', 'premium');
    t.is((await failing.list()).body.count, 40);
  },
);

test.serial('stops the move with one sentence when a change cannot be applied at the target', async (t) => {
  const odd = await createPopulated('odd');
  const error = await t.throwsAsync(
    move('odd', 'premium', {
      onStep: async (step) => {
        if (step === 'follow') {
          // Only a superuser can do this: the copy differs, and cannot apply further changes.
          await premium.asOwner(
            `insert into odd.notes (id, name) overriding system value values (9000, 'x')`,
          );
          await world.asOwner(`insert into odd.notes (id, name) overriding system value values (9000, 'y')`);
        }
      },
      blockSeconds: 5,
    }),
  );
  t.regex(error?.message ?? '', /stopped replicating|differs from its source/);
  t.is(await databaseOf('odd'), 'main');
  t.deepEqual(await leftovers(world, premium), []);
  t.is((await odd.list()).status, 200);
});

const KILLED_AT: Readonly<Record<string, Moment>> = {
  published: { on: 'main', statement: /CREATE_REPLICATION_SLOT/ },
  copying: { on: 'main', statement: /copy .*notes/s },
  compared: { on: 'premium', statement: /hashtextextended\(row/ },
  following: { on: 'main', statement: /confirmed_flush_lsn/ },
  blocked: { on: 'main', statement: /pg_advisory_xact_lock\(hashtextextended/ },
};

for (const [name, moment] of Object.entries(KILLED_AT)) {
  test.serial(
    `keeps serving the tenant when a move is killed: ${name}; aborts or repeats the move`,
    async (t) => {
      const schema = `killed_${name}`;
      const killed = await createPopulated(schema);
      const moving = [
        'move-tenant',
        '--schema',
        schema,
        '--to',
        'premium',
        '--online',
        '--block-seconds',
        '30',
      ];
      await interrupt(t, both, moving, moment, { how: name === 'following' ? killAt : disconnectAt });
      t.is(await databaseOf(schema), 'main');
      t.is((await killed.list()).status, 200);
      if (name === 'following') {
        const aborted = await tenants('move-tenant', '--schema', schema, '--abort');
        t.is(aborted.code, 0, aborted.err);
        t.regex(aborted.out, /Dropped the subscription on premium/);
        t.regex(aborted.out, /Dropped the replication slot on main/);
        t.regex(aborted.out, /Dropped the copy on premium/);
        t.deepEqual(await leftovers(world, premium), []);
        t.false(await hasSchema(premium, schema));
        t.deepEqual(await abortMove(both.databases, schema), [], 'once is enough');
      }
      const again = await tenants(...moving, '--json');
      t.is(again.code, 0, again.err);
      t.like(JSON.parse(again.out), { schema, from: 'main', to: 'premium' });
      t.is((await killed.list()).body.count, 40);
      t.deepEqual(await leftovers(world, premium), []);
    },
  );
}

test.serial('leaves nothing behind after a move received SIGTERM', async (t) => {
  await createPopulated('stopped');
  // The move waits for this transaction until it has received the signal.
  const writer = new pg.Client(world.owner);
  await writer.connect();
  t.teardown(() => writer.end());
  await writer.query('begin; insert into stopped.notes (name) values (0)');
  const child = await start(
    'served-cli.ts',
    ['move-tenant', '--schema', 'stopped', '--to', 'premium', '--online'],
    premium.env,
  );
  const isAsked = Promise.withResolvers<void>();
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (/waiting for open transactions/.test(output)) {
      isAsked.resolve();
    }
  });
  const closed = once(child, 'close');
  await Promise.race([isAsked.promise, closed]);
  // Only once: a second signal would have no listener.
  child.kill('SIGTERM');
  await writer.query('rollback');
  const [code] = await closed;
  t.is(code, 1, output);
  t.regex(output, /The move was stopped\. stopped is still on its previous database/);
  t.is(await databaseOf('stopped'), 'main');
  t.deepEqual(await leftovers(world, premium), []);
});
