import { once } from 'node:events';
import test from 'ava';

import { abortMove } from '../../../src/tenancy/transfer/move/abort-move.ts';
import type { MoveStep } from '../../../src/tenancy/transfer/move/move.ts';
import { type MoveOptions, moveTenant } from '../../../src/tenancy/transfer/move/move-tenant.ts';
import { type Ran, run, start } from '../../cli/run.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { serve, type TestService, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { findDatabase, provisionInhabited } from './inhabited.ts';
import { openPremium, type Premium } from './premium.ts';
import { hasSchema, leftovers } from './traces.ts';
import { IDENTITIES, installVariedTables, rowsOf } from './varied-tables.ts';

let world: World;
let premium: Premium;
let service: TestService;
test.serial.before(async () => {
  world = await openWorld({ project: servedProject });
  premium = await openPremium(world);
  await installVariedTables(world, IDENTITIES);
  await installVariedTables(premium, IDENTITIES);
  service = await serve(world, premium.env);
});
test.after.always(async () => {
  await service?.close();
  await premium?.close();
  await world?.close();
});

const tenants = (...args: readonly string[]): Promise<Ran> => run('served-cli.ts', args, premium.env);
const databases = () => ({ main: premium.main, premium: premium.database });
const move = (schema: string, to: string, options: Partial<MoveOptions> = {}) =>
  moveTenant(databases(), schema, {
    project: world.fleet.project,
    to,
    online: true,
    blockSeconds: 60,
    keepDays: 0,
    ...options,
  });

const inhabit = (schema: string) => provisionInhabited(world, service, schema);
const databaseOf = (schema: string) => findDatabase(world, schema);

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
    const failing = await inhabit('failing');
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
  const odd = await inhabit('odd');
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

const KILLED_AT: ReadonlyArray<readonly [expected: RegExp, name: string]> = [
  [/waiting for open transactions/, 'published'],
  [/notes/, 'copying'],
  [/comparing/, 'compared'],
  [/replicating changes/, 'following'],
  [/requests wait/, 'blocked'],
];

test.serial(
  'keeps serving the tenant when a move is killed at any step, and aborts or repeats the move',
  async (t) => {
    for (const [expected, name] of KILLED_AT) {
      const schema = `killed_${name}`;
      const killed = await inhabit(schema);
      const child = await start(
        'served-cli.ts',
        ['move-tenant', '--schema', schema, '--to', 'premium', '--online', '--block-seconds', '30'],
        premium.env,
      );
      let output = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (expected.test(output)) {
          child.kill('SIGKILL');
        }
      });
      const [, signal] = await once(child, 'close');
      t.is(signal, 'SIGKILL', output);
      t.is(await databaseOf(schema), 'main');
      t.is((await killed.list()).status, 200);
      if (name === 'following') {
        const aborted = await until(
          () => tenants('move-tenant', '--schema', schema, '--abort'),
          ({ code }) => code === 0,
        );
        t.regex(aborted.out, /Dropped the subscription on premium/);
        t.regex(aborted.out, /Dropped the replication slot on main/);
        t.regex(aborted.out, /Dropped the copy on premium/);
        t.deepEqual(await leftovers(world, premium), []);
        t.false(await hasSchema(premium, schema));
        t.deepEqual(await abortMove(databases(), schema), [], 'once is enough');
      }
      const again = await until(
        () =>
          tenants(
            'move-tenant',
            '--schema',
            schema,
            '--to',
            'premium',
            '--online',
            '--block-seconds',
            '30',
            '--json',
          ),
        ({ code }) => code === 0,
      );
      t.is(again.code, 0, again.err);
      t.like(JSON.parse(again.out), { schema, from: 'main', to: 'premium' });
      t.is((await killed.list()).body.count, 40);
      t.deepEqual(await leftovers(world, premium), []);
    }
  },
);

test.serial('leaves nothing behind after a move received SIGTERM', async (t) => {
  await inhabit('stopped');
  const child = await start(
    'served-cli.ts',
    ['move-tenant', '--schema', 'stopped', '--to', 'premium', '--online'],
    premium.env,
  );
  let asked = false;
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    // Only once: a second response would have no listener.
    if (/waiting for open transactions/.test(output) && !asked) {
      asked = child.kill('SIGTERM');
    }
  });
  const [code] = await once(child, 'close');
  t.is(code, 1, output);
  t.regex(output, /The move was stopped\. stopped is still on its previous database/);
  t.is(await databaseOf('stopped'), 'main');
  t.deepEqual(await leftovers(world, premium), []);
});
