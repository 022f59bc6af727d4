/** `tenants run` and `tenants shell`, through the command line. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';

import { runTenantShell } from '../../src/cli/commands/data/tenant-shell.ts';
import { readConfig } from '../../src/config/config.ts';
import { fixtureProject } from '../fixture-app/project.ts';
import { environmentOf } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { tenantsOn } from './tenants.ts';

let world: World;
let folder: string;
test.before(async () => {
  world = await openWorld();
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-scripts-'));
});
test.after.always(async () => {
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

const tenants = tenantsOn(() => world, 'cli.ts');

async function script(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

const namesIn = (schema: string) =>
  world.asOwner<{ name: string }>(`select name from ${schema}.notes order by id`);

// run.

test('runs the default export inside the tenant, with its arguments and settings', async (t) => {
  await world.provision('script_a');
  const file = await script(
    'add.ts',
    `export default async function ({ tx, sql, schema, settings, args, print }) {
       await tx.query(sql.unsafe\`insert into notes (name) values (\${args[0]})\`);
       print(schema);
       return { args, secrets: [settings.APP_SECRET, settings.DATABASE_URL], timeout: settings.STATEMENT_TIMEOUT, rows: await tx.any(sql.unsafe\`select name from notes\`) };
     }`,
  );
  const ran = await tenants(['run', file, '--schema', 'script_a', 'skates', '--', '--loud']);
  t.is(ran.code, 0, ran.err);
  const [first, answer = ''] = ran.out.split('\n');
  t.is(first, 'script_a');
  t.deepEqual(JSON.parse(answer), {
    args: ['skates', '--loud'],
    secrets: [null, null],
    timeout: 10_000,
    rows: [{ name: 'skates' }],
  });
  t.deepEqual(await namesIn('script_a'), [{ name: 'skates' }]);
});

test('shows the error of a script with its stack, and rolls back', async (t) => {
  await world.provision('script_b');
  const file = await script(
    'fail.ts',
    `async function addTwice(tx, sql) {
       await tx.query(sql.unsafe\`insert into notes (name) values ('never')\`);
       await tx.query(sql.unsafe\`insert into notes (name) values ('')\`);
     }
     export default async ({ tx, sql, args }) => {
       if (args[0] === 'sql') await addTwice(tx, sql);
       await tx.query(sql.unsafe\`insert into notes (name) values ('never')\`);
       throw new TypeError('no such customer');
     };`,
  );
  const thrown = await tenants(['run', file, '--schema', 'script_b']);
  t.is(thrown.code, 1);
  t.regex(thrown.err, /^TypeError: no such customer\n\s+at .*fail\.ts:8:\d+/m);
  const rejected = await tenants(['run', file, '--schema', 'script_b', 'sql']);
  t.is(rejected.code, 1);
  t.regex(rejected.err, /^ERROR: .*notes__name_length/);
  t.regex(rejected.err, /addTwice .*fail\.ts:3:\d+/);
  t.deepEqual(await namesIn('script_b'), []);
});

test('gives a script the rights of a request of the tenant, and no others', async (t) => {
  const file = await script(
    'reach.ts',
    `export default ({ tx, sql, args }) => tx.any({ ...sql.unsafe\`select\`, sql: args[0] });`,
  );
  for (const [statement, wanted] of [
    ['select * from globex.notes', /permission denied/],
    ['select * from public.tenants', /permission denied/],
    ['drop table notes', /begin with "drop"/],
    ['commit', /begin with "commit"/],
  ] as const) {
    const ran = await tenants(['run', file, '--schema', 'acme', statement]);
    t.is(ran.code, 1, statement);
    t.regex(ran.err, wanted);
  }
  const written = await tenants(['run', file, '--schema', 'acme', '--read-only', 'delete from notes']);
  t.is(written.code, 1);
  t.regex(written.err, /read-only transaction/);
});

test('rejects a missing file, a module without a default export and an unknown tenant', async (t) => {
  const empty = await script('empty.ts', 'export const nothing = 1;');
  const broken = await script('broken.ts', `import './not-there.ts'; export default () => {};`);
  const good = await script('good.ts', 'export default () => {};');
  for (const [args, code, wanted] of [
    [['run', join(folder, 'none.ts'), '--schema', 'acme'], 2, /The file .*none\.ts does not exist/],
    [['run', empty, '--schema', 'acme'], 2, /no default export/],
    [['run', broken, '--schema', 'acme'], 1, /not-there\.ts/],
    [['run', good, '--schema', 'nobody'], 1, /nobody/],
    [['run', good], 2, /--schema/],
  ] as const) {
    const ran = await tenants(args);
    t.is(ran.code, code, args.join(' '));
    t.regex(ran.err, wanted);
  }
});

test('runs in every chosen tenant', async (t) => {
  const file = await script('who.ts', 'export default ({ schema }) => schema;');
  const ran = await tenants(['all-tenants-command', 'run', file, '--only', '{acme,globex}']);
  t.is(ran.code, 0, ran.err);
  t.is(ran.out, 'acme: "acme"\nglobex: "globex"\n');
});

// shell. One at a time: Node's REPL reports errors to the domain of its process.

test.serial('evaluates each line of standard input in a transaction inside the tenant', async (t) => {
  await world.provision('shell_a');
  const ran = await tenants(
    ['shell', '--schema', 'shell_a'],
    [
      `const add = (name) =>`,
      `  tx.query(sql.unsafe\`insert into notes (name) values (\${name})\`)`,
      `await add('kept'); undefined`,
      `const { rows } = await tx.query(sql.unsafe\`select name from notes\`)`,
      `rows`,
      // A promise is awaited.
      `tx.oneFirst(sql.unsafe\`select count(*)::int as n from notes\`)`,
      `[schema, settings.STATEMENT_TIMEOUT]`,
      `'\\u001b[31m'`,
      `await add('lost'); throw new Error('stop')`,
      `await add('never')`,
    ].join('\n'),
  );
  t.is(ran.code, 1);
  t.deepEqual(ran.out.split('\n'), [`[ { name: 'kept' } ]`, '1', `[ 'shell_a', 10000 ]`, `'\\x1B[31m'`, '']);
  t.regex(ran.err, /^Error: stop\n/);
  t.deepEqual(await namesIn('shell_a'), [{ name: 'kept' }]);
});

test.serial('runs several lines in one transaction with .begin, .commit and .rollback', async (t) => {
  await world.provision('shell_b');
  const add = (name: string): string =>
    `await tx.query(sql.unsafe\`insert into notes (name) values ('${name}')\`); undefined`;
  const ran = await tenants(
    ['tenant_command', 'shell', '--schema=shell_b'],
    [
      '.begin',
      add('a'),
      add('b'),
      '.rollback',
      '.begin',
      add('c'),
      add('d'),
      '.commit',
      '.begin',
      add('e'),
    ].join('\n'),
  );
  t.is(ran.code, 0, ran.err);
  t.deepEqual(await namesIn('shell_b'), [{ name: 'c' }, { name: 'd' }]);
  const none = await tenants(['shell', '--schema', 'shell_b'], '.commit\n');
  t.is(none.code, 2);
  t.regex(none.err, /No transaction is open/);
});

test.serial('cannot leave the tenant in the shell, and rejects writes with --read-only', async (t) => {
  const leave = await tenants(
    ['shell', '--schema', 'acme'],
    'tx.any(sql.unsafe`select * from globex.notes`)',
  );
  t.is(leave.code, 1);
  t.regex(leave.err, /permission denied/);
  const write = await tenants(
    ['shell', '--schema', 'acme', '--read-only'],
    `.begin\ntx.query(sql.unsafe\`insert into notes (name) values ('x')\`)`,
  );
  t.is(write.code, 1);
  t.regex(write.err, /read-only transaction/);
  const open = await tenants(['shell', '--schema', 'acme'], 'const a = {');
  t.is(open.code, 1);
  t.regex(open.err, /SyntaxError/);
});

test.serial('continues after an error on a terminal', async (t) => {
  const input = new PassThrough();
  const output = new PassThrough();
  let shown = '';
  output.setEncoding('utf8').on('data', (text) => {
    shown += text;
  });
  const config = readConfig(fixtureProject, environmentOf(world));
  const shell = runTenantShell({
    input,
    output,
    interactive: true,
    open: {
      schema: 'acme' as never,
      tenant: world.acme.id,
      tenantDatabase: world.tenantDatabase,
      config,
      close: async () => {},
    },
    settings: { ...config },
    readOnly: true,
    history: null,
    print: () => {},
  });
  const type = async (text: string, expected: RegExp): Promise<void> => {
    shown = '';
    input.write(text);
    while (!expected.test(shown)) {
      await once(output, 'data');
    }
  };
  await type('tx.oneFirst(sql.unsafe`select 40 + 2`)\n', /42/);
  await type('tx.oneFirst(sql.unsafe`select oops`)\n', /column "oops" does not exist/);
  await type('.rollback\n', /No transaction is open/);
  await type('.begin\n', /acme> /);
  await type('await tx.oneFirst(sql.unsafe`select 6 * 7`)\n', /42/);
  input.write('.exit\n');
  await shell;
  t.pass();
});
