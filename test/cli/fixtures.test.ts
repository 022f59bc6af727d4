import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import pg from 'pg';
import { environmentOf, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { isPlain, start } from './run.ts';
import { tenantsOn } from './tenants.ts';

const NOTE = 'fixture_notes.note';
const DEMO = path.join(tmpdir(), `koa-tenants-demo-${process.pid}.json`);
const ROWS = [
  { model: 'fixture_people.person', pk: 1, fields: { username: 'dana', password: '!' } },
  ...['one', 'two', 'three'].map((name, n) => ({ model: NOTE, pk: n + 1, fields: { name, author: 1 } })),
];

let world: World;
test.before(async () => {
  await writeFile(DEMO, JSON.stringify(ROWS));
  world = await openWorld();
});
test.after.always(async () => {
  await rm(DEMO, { force: true });
  await world?.close();
});

const tenants = tenantsOn(() => world, 'cli.ts');

test('dumps all models or one model as a fixture', async (t) => {
  await world.provision('dumped');
  await world.provision('again');
  t.is((await tenants(['load-data', DEMO, '--schema', 'dumped'])).code, 0);
  const dumped = await tenants(['dump-data', '--schema', 'dumped']);
  t.is(dumped.code, 0, dumped.err);
  t.is(dumped.err, '4 rows of dumped.\n');
  t.is(JSON.parse(dumped.out).length, 4);
  const piped = await tenants(['load-data', '-', '--schema', 'again', '--json'], dumped.out);
  t.deepEqual(JSON.parse(piped.out), {
    schema_name: 'again',
    loaded: { 'fixture_people.person': 1, [NOTE]: 3 },
  });
  t.is((await tenants(['dump-data', '--schema', 'again'])).out, dumped.out);
  const one = await tenants(['dump-data', '--schema', 'again', '--model', NOTE]);
  t.deepEqual(
    JSON.parse(one.out).map(({ model }: { model: string }) => model),
    [NOTE, NOTE, NOTE],
  );
  const none = await tenants(['dump-data', '--schema', 'site', '--model', NOTE]);
  t.deepEqual([none.code, none.out], [0, '[]\n']);
});

test('reports each error in one sentence', async (t) => {
  for (const [args, code] of [
    [['load-data', '--schema', 'acme'], 2],
    [['load-data', 'no-such-file.json', '--schema', 'acme'], 2],
    [['load-data', DEMO], 2],
    [['load-data', DEMO, '--schema', 'nobody'], 1],
    [['dump-data', '--schema', 'acme', '--model', 'fixture_notes.nte'], 2],
    [['dump-data', '--schema', 'nobody'], 1],
    [['load-data', '-', '--schema', 'acme'], 1],
  ] as const) {
    const ran = await tenants(args, 'plain\n');
    t.is(ran.code, code, args.join(' '));
    isPlain(t, ran);
  }
});

test('leaves nothing of a load that was killed, and can repeat it', async (t) => {
  await world.provision('killed');
  const rows = Array.from({ length: 900 }, (_, n) => ({
    model: NOTE,
    pk: n + 1,
    fields: { name: `note ${n}` },
  }));
  const file = path.join(tmpdir(), `koa-tenants-${process.pid}.json`);
  await writeFile(file, JSON.stringify(rows));
  // Another transaction locks a row of the second batch, and the load waits for it.
  await world.asOwner(`insert into killed.notes (id, name) values (700, 'mine')`);
  const other = new pg.Client(world.owner);
  await other.connect();
  await other.query('begin');
  await other.query('select from killed.notes where id = 700 for update');
  const child = await start('cli.ts', ['load-data', file, '--schema', 'killed'], environmentOf(world));
  const ended = once(child, 'close');
  const waiting = () =>
    world.asOwner(
      `select pid from pg_stat_activity
       where datname = current_database() and application_name = 'koa-tenants owner' and wait_event_type = 'Lock'`,
    );
  t.is((await until(waiting, (found) => found.length === 1, 60_000)).length, 1);
  child.kill('SIGKILL');
  await ended;
  await other.query('rollback');
  await other.end();
  await until(waiting, (found) => found.length === 0);
  t.deepEqual(await world.asOwner('select id, name from killed.notes'), [{ id: '700', name: 'mine' }]);
  const again = await tenants(['load-data', file, '--schema', 'killed']);
  t.is(again.code, 0, again.err);
  t.is((await world.asOwner('select id from killed.notes')).length, 900);
});
