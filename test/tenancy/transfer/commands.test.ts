import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { disconnectAt, killAt } from '../../cli/kill-at.ts';
import { isPlain, type Ran, run } from '../../cli/run.ts';
import { servedProject } from '../../fixture-app/served-project.ts';
import { environmentOf, makeUser, serve, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { traces } from './traces.ts';

let world: World;
let folder: string;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-fleet-'));
  await makeUser(world, 'acme', 'alice');
  await world.asOwner(
    `insert into acme.notes (name, description) select 'note ' || n, repeat('x', 1000) from generate_series(1, 4000) as n`,
  );
});
test.after.always(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

const tenants = (...args: readonly string[]): Promise<Ran> =>
  run('served-cli.ts', args, environmentOf(world));
const at = (name: string): string => join(folder, name);

/** Kills the process of a command at its first statement that matches, and waits for its connections to end. */
async function killed(
  t: ExecutionContext,
  args: readonly string[],
  statement: RegExp,
  how = killAt,
): Promise<void> {
  const came = await how({
    args,
    urls: { main: world.ownerUrl },
    on: 'main',
    envOf: ({ main = '' }) => environmentOf({ ...world, ownerUrl: main }),
    moment: { statement },
  });
  t.true(came, `${args[0]} at ${statement}`);
  await until(
    () =>
      world.asOwner(
        `select from pg_stat_activity where datname = current_database() and application_name = 'koa-tenants owner'`,
      ),
    (rows) => rows.length === 0,
  );
}

test.serial('dumps a tenant, restores it under another name, and serves it there', async (t) => {
  const dump = await tenants('dump-tenant', '--schema', 'acme', '--out', at('acme.tenant'));
  t.is(dump.code, 0, dump.err);
  t.is(dump.out, `${at('acme.tenant')}\n`);
  t.regex(dump.err, /^notes {2}4000 rows$/m);
  t.regex(dump.err, /^4001 rows of 11 tables, \d+\.\d [kM]B\.$/m);

  const restored = await tenants(
    'restore-tenant',
    '--in',
    at('acme.tenant'),
    '--schema',
    'acme_2',
    '--domain',
    'acme-2.localhost',
    'www.acme-2.localhost',
    '--json',
  );
  t.is(restored.code, 0, restored.err);
  t.like(JSON.parse(restored.out), {
    schema: 'acme_2',
    domains: ['acme-2.localhost', 'www.acme-2.localhost'],
    leftOut: ['audit_events', 'outbox', 'refresh_tokens', 'sessions'],
    sameId: false,
  });
  const service = await serve(world);
  t.teardown(service.close);
  const token = await service.logIn('acme-2.localhost', 'alice', 'correct horse battery staple');
  const page = await service.request('acme-2.localhost', 'GET', '/api/notes/', { token });
  t.is(page.body.count, 4000);
  const elsewhere = await service.request('acme.localhost', 'GET', '/api/notes/', { token });
  t.is(elsewhere.status, 401, 'the original rejects its tokens');
});

test.serial('clones a tenant with and without its rows', async (t) => {
  const cloned = await tenants(
    'clone-tenant',
    '--from',
    'acme',
    '--schema',
    'clone_1',
    '--domain',
    'clone-1.localhost',
  );
  t.is(cloned.code, 0, cloned.err);
  t.regex(cloned.out, /^Tenant clone_1 copied from acme at clone-1\.localhost \([0-9a-f-]{36}\)\.\n$/);
  t.regex(cloned.err, /Tables without rows: audit_events, outbox, refresh_tokens, sessions\.$/m);
  const bare = await tenants(
    'clone-tenant',
    '--from',
    'acme',
    '--schema',
    'clone_2',
    '--domain',
    'clone-2.localhost',
    '--no-data',
    '--name',
    'Second',
    '--json',
  );
  t.is(bare.code, 0, bare.err);
  t.like(JSON.parse(bare.out), { schema: 'clone_2', tables: [] });
  const counts = await world.asOwner(
    `select (select count(*)::integer from clone_1.notes) as one, (select count(*)::integer from clone_2.notes) as two,
            (select name from public.tenants where schema_name = 'clone_2') as name`,
  );
  t.deepEqual(counts, [{ one: 4000, two: 0, name: 'Second' }]);
});

test.serial('leaves no file of a dump that was killed, and can repeat it', async (t) => {
  await killed(t, ['dump-tenant', '--schema', 'acme', '--out', at('killed.tenant')], /copy .*users/s);
  await t.throwsAsync(stat(at('killed.tenant')), { code: 'ENOENT' });
  const again = await tenants('dump-tenant', '--schema', 'acme', '--out', at('killed.tenant'));
  t.is(again.code, 0, again.err);
});

test.serial('leaves nothing of a restore that was killed, and can repeat it', async (t) => {
  const args = [
    'restore-tenant',
    '--in',
    at('killed.tenant'),
    '--schema',
    'killed',
    '--domain',
    'killed.localhost',
  ];
  const before = await traces(world);
  await killed(t, args, /copy .*users.* from stdin/s);
  t.deepEqual(await traces(world), before);
  const again = await tenants(...args);
  t.is(again.code, 0, again.err);
});

test.serial('leaves nothing of a clone that was killed, and can repeat it', async (t) => {
  const args = ['clone-tenant', '--from', 'acme', '--schema', 'killed_2', '--domain', 'killed-2.localhost'];
  const before = await traces(world);
  // As a killed process to the database. The two tests above kill one.
  await killed(t, args, /copy .*users.* from stdin/s, disconnectAt);
  t.deepEqual(await traces(world), before);
  const again = await tenants(...args);
  t.is(again.code, 0, again.err);
});

test.serial('prints one JSON document with the manifest of the file with --json', async (t) => {
  const { code, out } = await tenants(
    'dump-tenant',
    '--schema',
    'globex',
    '--out',
    at('globex.tenant'),
    '--json',
  );
  t.is(code, 0);
  const printed = JSON.parse(out);
  t.like(printed, { file: at('globex.tenant'), version: 1, domains: ['globex.localhost'] });
  t.is(printed.size, (await stat(at('globex.tenant'))).size);
  t.is(printed.tenant.schema_name, 'globex');
});

test.serial('runs pg_dump with --format sql, or reports why it cannot', async (t) => {
  const ran = await tenants('dump-tenant', '--schema', 'acme', '--format', 'sql', '--out', at('acme.sql'));
  const version = await promisify(execFile)('pg_dump', ['--version']).catch(() => ({ stdout: '' }));
  const major = Number(/\d+/.exec(version.stdout)?.[0] ?? 0);
  if (major >= Math.floor(world.version / 10_000)) {
    t.is(ran.code, 0, ran.err);
    const text = await readFile(at('acme.sql'), 'utf8');
    t.regex(text, /COPY acme\.notes/);
    t.is(text.match(/^\d+\tnote \d+\t/gm)?.length, 4000);
    t.notRegex(text, /globex/, 'and nothing of another tenant');
  } else {
    t.is(ran.code, 1);
    isPlain(t, ran);
    t.regex(ran.err, /pg_dump on PATH/);
    await t.throwsAsync(stat(at('acme.sql')), { code: 'ENOENT' });
  }
});

test.serial('rejects invalid arguments with one sentence', async (t) => {
  await writeFile(at('text'), 'not a dump');
  const before = await readdir(folder);
  const refusals: ReadonlyArray<readonly [code: number, expected: RegExp, args: readonly string[]]> = [
    [2, /required/, ['dump-tenant']],
    [2, /required/, ['restore-tenant']],
    [2, /required/, ['clone-tenant', '--from', 'acme', '--schema', 'x']],
    [2, /Allowed choices are tenant, sql/, ['dump-tenant', '--schema', 'acme', '--format', 'xml']],
    [2, /"A B" is not a valid schema name/, ['dump-tenant', '--schema', 'A B']],
    [1, /No tenant has the schema "nobody"/, ['dump-tenant', '--schema', 'nobody', '--out', at('x')]],
    [1, /already exists/, ['dump-tenant', '--schema', 'acme', '--out', at('text')]],
    [1, /directory does not exist/, ['dump-tenant', '--schema', 'acme', '--out', at('no/where')]],
    [1, /damaged or incomplete/, ['restore-tenant', '--in', at('text')]],
    [1, /does not exist/, ['restore-tenant', '--in', at('nothing')]],
    [1, /"acme" already exists/, ['restore-tenant', '--in', at('acme.tenant')]],
    [
      1,
      /domain "acme.localhost" already exists/,
      ['restore-tenant', '--in', at('acme.tenant'), '--schema', 'x'],
    ],
    [2, /is not a valid domain/, ['restore-tenant', '--in', at('acme.tenant'), '--domain', 'a b']],
    [2, /is not a valid schema name/, ['restore-tenant', '--in', at('acme.tenant'), '--schema', 'public']],
    [
      1,
      /No tenant has the schema "nobody"/,
      ['clone-tenant', '--from', 'nobody', '--schema', 'x', '--domain', 'x.localhost'],
    ],
    [
      1,
      /"globex" already exists/,
      ['clone-tenant', '--from', 'acme', '--schema', 'globex', '--domain', 'x.localhost'],
    ],
    [
      2,
      /--name is not valid/,
      ['clone-tenant', '--from', 'acme', '--schema', 'x', '--domain', 'x.localhost', '--name', ' '],
    ],
  ];
  for (const [code, expected, args] of refusals) {
    const ran = await tenants(...args);
    t.is(ran.code, code, `${args.join(' ')}: ${ran.err}`);
    t.regex(ran.err, expected);
    isPlain(t, { ...ran, err: ran.err.replace(/^\w+ {2}\d+ rows?\n/gm, '') });
  }
  t.deepEqual(await readdir(folder), before);
});

test('prints a --help for every command', async (t) => {
  for (const command of ['dump-tenant', 'restore-tenant', 'clone-tenant']) {
    const help = await tenants(command, '--help');
    t.is(help.code, 0);
    t.regex(help.out, new RegExp(`^Usage: tenants ${command}`));
  }
});
