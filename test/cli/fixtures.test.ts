import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import pg from 'pg';
import { project } from '../../src/project.ts';
import { environmentOf, serve, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { isPlain, type Ran, run, start } from './run.ts';

const DEMO = path.resolve(import.meta.dirname, '../../fixtures/demo.json');

let world: World;
test.before(async () => {
  world = await openWorld({ project });
});
test.after.always(() => world?.close());

const tenants = (args: readonly string[], input = ''): Promise<Ran> =>
  run('cli.ts', args, environmentOf(world), input);

test('the guide’s demo tenant is made by the guide’s two commands', async (t) => {
  t.is((await tenants(['create_tenant', '--schema=demo', '--name=Demo Co', '--domain=demo.local'])).code, 0);
  const loaded = await tenants(['tenant_command', 'loaddata', DEMO, '--schema=demo']);
  t.deepEqual(
    [loaded.code, loaded.out],
    [0, 'Loaded into demo: 1 accounts.user, 3 projects.project.\n'],
    loaded.err,
  );
  const service = await serve(world);
  t.teardown(service.close);
  const token = await service.logIn('demo.local', 'dana', 'dana-demo-password');
  t.is((await service.request('demo.local', 'GET', '/api/projects/', { token })).body.count, 3);
  const made = await service.request('demo.local', 'POST', '/api/projects/', {
    token,
    body: { name: 'mine' },
  });
  t.deepEqual([made.status, made.body.id], [201, 4]);
});

test('what is dumped is a fixture, of all models or of one', async (t) => {
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
    loaded: { 'accounts.user': 1, 'projects.project': 3 },
  });
  t.is((await tenants(['dump-data', '--schema', 'again'])).out, dumped.out);
  const one = await tenants(['dump-data', '--schema', 'again', '--model', 'projects.project']);
  t.deepEqual(
    JSON.parse(one.out).map(({ model }: { model: string }) => model),
    ['projects.project', 'projects.project', 'projects.project'],
  );
  const none = await tenants(['dump-data', '--schema', 'site', '--model', 'projects.project']);
  t.deepEqual([none.code, none.out], [0, '[]\n']);
});

test('what is wrong is a sentence', async (t) => {
  for (const [args, code] of [
    [['load-data', '--schema', 'acme'], 2],
    [['load-data', 'no-such-file.json', '--schema', 'acme'], 2],
    [['load-data', DEMO], 2],
    [['load-data', DEMO, '--schema', 'nobody'], 1],
    [['dump-data', '--schema', 'acme', '--model', 'projects.projct'], 2],
    [['dump-data', '--schema', 'nobody'], 1],
    [['load-data', '-', '--schema', 'acme'], 1],
    [['hash-password'], 2],
  ] as const) {
    const ran = await tenants(args, 'plain\n');
    t.is(ran.code, code, args.join(' '));
    isPlain(t, ran);
  }
});

test('a hash that hash-password makes is one that a fixture may hold', async (t) => {
  await world.provision('made');
  const { code, out } = await tenants(['hash-password'], 'a-long-password\n');
  t.is(code, 0);
  const fixture = [{ model: 'accounts.user', pk: 1, fields: { username: 'mo', password: out.trim() } }];
  t.is((await tenants(['load-data', '-', '--schema', 'made'], JSON.stringify(fixture))).code, 0);
  const service = await serve(world);
  t.teardown(service.close);
  t.truthy(await service.logIn('made.localhost', 'mo', 'a-long-password'));
});

test('a load that is killed in the middle leaves nothing, and may be repeated', async (t) => {
  await world.provision('killed');
  const rows = Array.from({ length: 900 }, (_, n) => ({
    model: 'projects.project',
    pk: n + 1,
    fields: { name: `project ${n}` },
  }));
  const file = path.join(tmpdir(), `koa-tenants-${process.pid}.json`);
  await writeFile(file, JSON.stringify(rows));
  // Somebody holds a row of the second batch, and the load waits for it.
  await world.asOwner(`insert into killed.projects (id, name) values (700, 'mine')`);
  const other = new pg.Client(world.owner);
  await other.connect();
  await other.query('begin');
  await other.query('select from killed.projects where id = 700 for update');
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
  t.deepEqual(await world.asOwner('select id, name from killed.projects'), [{ id: '700', name: 'mine' }]);
  const again = await tenants(['load-data', file, '--schema', 'killed']);
  t.is(again.code, 0, again.err);
  t.is((await world.asOwner('select id from killed.projects')).length, 900);
});

test('seed fills empty tenants, and keeps accounts that exist', async (t) => {
  const other = await openWorld({ project });
  t.teardown(other.close);
  await other.asOwner(`insert into globex.users (username, password) values ('somebody', '!')`);
  t.is((await run('cli.ts', ['seed'], environmentOf(other))).code, 0);
  t.deepEqual(await other.asOwner('select name from acme.projects order by id'), [
    { name: 'Rocket skates' },
    { name: 'Giant magnet' },
  ]);
  t.deepEqual(await other.asOwner('select username from globex.users'), [{ username: 'somebody' }]);
});
