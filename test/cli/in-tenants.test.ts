import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import test from 'ava';

import { runShell } from '../../src/cli/commands/data/sql-shell.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { isPlain, type Ran } from './run.ts';
import { tenantsOn } from './tenants.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'globex', 'hank');
  await world.asOwner(
    `insert into acme.notes (name, description) values ('skates', ''), ('magnet', E'two\nlines\x1b[31m')`,
  );
});
test.after.always(() => world?.close());

const tenants = tenantsOn(() => world);
const sql = (schema: string, statement: string, ...more: string[]): Promise<Ran> =>
  tenants(['sql', '--schema', schema, '-c', statement, ...more]);

// tenant-command.

test('accepts names and options of the commands of django-tenants', async (t) => {
  const created = await tenants(['create_tenant', '--schema=demo', '--name=Demo Co', '--domain=demo.local']);
  t.is(created.code, 0, created.err);
  const user = await tenants(
    ['tenant_command', 'createsuperuser', '--schema=demo', '--username', 'dana'],
    `${PASSWORD}\n`,
  );
  t.is(user.code, 0, user.err);
  const service = await serve(world);
  t.teardown(service.close);
  t.truthy(await service.logIn('demo.local', 'dana', PASSWORD));
  t.is((await tenants(['migrate_schemas', '--tenant'])).code, 0);
});

test('accepts --schema before or after the command, once', async (t) => {
  for (const args of [
    ['tenant-command', 'sql', '--schema', 'acme', '-c', 'select 1 as one'],
    ['tenant-command', 'sql', '--schema=acme', '-c', 'select 1 as one'],
    ['tenant-command', '--schema', 'acme', 'dbshell', '-c', 'select 1 as one'],
  ]) {
    const ran = await tenants(args);
    t.deepEqual([ran.code, ran.out], [0, ' one\n-----\n 1\n(1 row)\n'], ran.err);
  }
  for (const args of [
    ['tenant-command', 'sql', '-c', 'select 1'],
    ['tenant-command', '--schema', 'acme', 'sql', '--schema', 'globex', '-c', 'select 1'],
    ['tenant-command', '--schema', 'acme', 'collectstatic'],
    ['tenant-command', '--schema', 'acme', 'create-tenant'],
    ['tenant-command', '--schema', 'acme', 'constructor'],
    ['constructor'],
    ['tenant-command', '--schema', 'acme', 'tenant-command', 'sql'],
    ['tenant-command', 'sql', '--schema', 'acme', '--no-such-option'],
    ['tenant-command', '--schema', 'No Body', 'sql', '-c', 'select 1'],
    ['tenant-command'],
  ]) {
    const ran = await tenants(args);
    t.is(ran.code, 2, args.join(' '));
    t.notRegex(ran.err, /^\s+at /m);
  }
  const help = await tenants(['tenant-command', 'createsuperuser', '--help']);
  t.is(help.code, 0);
  t.regex(help.out, /^Usage: tenants create-superuser/);
});

// all-tenants-command.

const COUNT = 'select count(*)::integer as n from notes';

test.serial('runs a command in every selected tenant, isolated from the others', async (t) => {
  for (const schema of ['fleet_a', 'fleet_b', 'fleet_c']) {
    await world.provision(schema);
    await world.asOwner(`insert into ${schema}.notes (name) values ('${schema}')`);
  }
  await world.asOwner(`update public.tenants set type = 'premium' where schema_name = 'fleet_b'`);
  const names = 'select name from notes order by id';
  const ran = await tenants([
    'all-tenants-command',
    'sql',
    '--only',
    'fleet_*',
    '--json',
    '--jobs',
    '3',
    '-c',
    names,
  ]);
  t.is(ran.code, 0, ran.err);
  const { command, tenants: outcomes } = JSON.parse(ran.out);
  t.is(command, 'sql');
  t.deepEqual(
    outcomes.map(({ schema_name, output }: { schema_name: string; output: { rows: unknown }[] }) => [
      schema_name,
      output[0]?.rows,
    ]),
    ['fleet_a', 'fleet_b', 'fleet_c'].map((schema) => [schema, [{ name: schema }]]),
  );
  const listed = async (...args: string[]) =>
    JSON.parse(
      (await tenants(['all-tenants-command', 'sql', '--dry-run', '--json', ...args, '-c', COUNT])).out,
    ).tenants;
  t.deepEqual(await listed('--only', 'fleet_*', '--exclude', '*_a'), ['fleet_b', 'fleet_c']);
  t.deepEqual(await listed('--type', 'premium'), ['fleet_b']);
  t.deepEqual(await listed('--only', 'nobody'), []);
  const dry = await tenants(['all-tenants-command', 'sql', '--dry-run', '--only', 'fleet_a', '-c', COUNT]);
  t.is(dry.out, `sql --schema fleet_a -c '${COUNT}'\n`);
  const lines = await tenants(['all-tenants-command', 'sql', '--only', 'fleet_a', '-c', COUNT]);
  t.is(lines.out, 'fleet_a:  n\nfleet_a: ---\nfleet_a:  1\nfleet_a: (1 row)\n');
  t.is(lines.err, 'fleet_a: ok\n1 ok, 0 failed, 0 not run.\n');
});

test.serial(
  'stops after a failure without --continue-on-error, and lists the failures at the end',
  async (t) => {
    await world.asOwner('delete from fleet_b.notes');
    const args = ['all-tenants-command', 'sql', '--only', 'fleet_*', '-c', 'select 1 / count(*) from notes'];
    const stopped = await tenants(args);
    t.is(stopped.code, 1);
    t.regex(stopped.err, /^fleet_b: failed: ERROR: division by zero$/m);
    t.regex(stopped.err, /^1 ok, 1 failed, 1 not run\.$/m);
    t.regex(stopped.err, /It failed in fleet_b/);
    t.notRegex(stopped.err, /^\s+at /m);
    const all = await tenants([...args, '--continue-on-error', '--json']);
    t.is(all.code, 1);
    t.deepEqual(
      JSON.parse(all.out).tenants.map(({ outcome }: { outcome: string }) => outcome),
      ['ok', 'failed', 'ok'],
    );
    const json = await tenants([...args, '--json']);
    t.deepEqual(
      JSON.parse(json.out).tenants.map(({ outcome }: { outcome: string }) => outcome),
      ['ok', 'failed', 'not run'],
    );
  },
);

test.serial('excludes deleted tenants, the public site and spares from all tenants', async (t) => {
  await world.asOwner(`update public.tenants set status = 'deleted' where schema_name = 'fleet_c'`);
  const dry = await tenants(['all-tenants-command', 'sql', '--dry-run', '--json', '-c', COUNT]);
  const { tenants: all } = JSON.parse(dry.out);
  t.true(all.includes('acme') && all.includes('fleet_a'));
  t.false(all.includes('fleet_c') || all.includes('site'));
});

test('reports an invalid command line once, before it runs anything', async (t) => {
  for (const args of [
    ['all-tenants-command'],
    ['all-tenants-command', 'list-tenants'],
    ['all-tenants-command', 'create-tenant'],
    ['all-tenants-command', 'sql', '--no-such-option'],
    ['all-tenants-command', 'sql', '--schema', 'acme', '-c', 'select 1'],
    ['all-tenants-command', 'maintenance', 'on', 'off'],
    ['all-tenants-command', 'sql', '--jobs', '0', '-c', 'select 1'],
  ]) {
    const ran = await tenants(args);
    t.is(ran.code, 2, args.join(' '));
    t.is(ran.out, '');
    t.notRegex(ran.err, /^\s+at /m);
    t.notRegex(ran.err, /acme: /);
  }
});

test('passes options after -- to the command', async (t) => {
  const ran = await tenants(['all-tenants-command', '--only', 'acme', 'sql', '--', '-c', COUNT, '--json']);
  t.is(ran.code, 0, ran.err);
  t.is(ran.out, 'acme: [{"command":"SELECT","row_count":1,"rows":[{"n":2}]}]\n');
});

test('runs a command with prompts in one tenant at a time, and rejects it with several jobs', async (t) => {
  for (const schema of ['asked_a', 'asked_b']) {
    await world.provision(schema);
  }
  const args = ['all-tenants-command', 'createsuperuser', '--only', 'asked_*', '--username', 'root'];
  const several = await tenants(
    [...args, '--jobs', '2', '--continue-on-error'],
    `${PASSWORD}\n${PASSWORD}\n`,
  );
  t.is(several.code, 1);
  t.regex(several.err, /Run it with --jobs 1/);
  const ran = await tenants(args, `${PASSWORD}\n${PASSWORD}\n`);
  t.is(ran.code, 0, ran.err);
  const users = await world.asOwner(
    'select username from asked_a.users union all select username from asked_b.users',
  );
  t.is(users.length, 2);
});

// sql.

test('prints rows as a table, and typed values with --json', async (t) => {
  const table = await sql('acme', 'select id, name, null as nothing from notes order by id');
  t.is(
    table.out,
    [
      ' id | name   | nothing',
      '----+--------+---------',
      ' 1  | skates | null',
      ' 2  | magnet | null',
      '(2 rows)',
      '',
    ].join('\n'),
    table.err,
  );
  const typed = await sql(
    'acme',
    `select 1 as n, 9007199254740993 as large, 1.50::numeric as exact, true as yes, null as nothing,
            '{"a": [1]}'::jsonb as json, timestamptz '2026-01-31 12:00:00.123456+00' as at; select 2 as second`,
    '--json',
  );
  t.deepEqual(JSON.parse(typed.out), [
    {
      command: 'SELECT',
      row_count: 1,
      rows: [
        {
          n: 1,
          large: '9007199254740993',
          exact: '1.50',
          yes: true,
          nothing: null,
          json: { a: [1] },
          at: '2026-01-31 12:00:00.123456+00',
        },
      ],
    },
    { command: 'SELECT', row_count: 1, rows: [{ second: 2 }] },
  ]);
});

test('runs a backslash command with -c', async (t) => {
  const columns = await sql('acme', '\\d notes');
  t.regex(columns.out, /^ name +\| type .*\n.*\n id +\| bigint/, columns.err);
  t.regex((await sql('acme', ' \\dt ')).out, /^ notes +\| table$/m);
  t.regex((await sql('acme', '\\x')).out, /^Unknown command \\x\./);
});

test('keeps every digit of numbers in JSON values with --json', async (t) => {
  const { out } = await sql(
    'acme',
    `select '{"id": 9007199254740993, "x": 1.10}'::json as a, '1e22'::jsonb as b, '[12345678901234567890]'::jsonb as c`,
    '--json',
  );
  t.true(
    out.includes(
      '"a":{"id":9007199254740993,"x":1.10},"b":10000000000000000000000,"c":[12345678901234567890]',
    ),
    out,
  );
});

test('escapes control characters in values of a tenant', async (t) => {
  const { out } = await sql('acme', `select description from notes where name = 'magnet'`);
  t.false(out.includes('\x1b'));
  t.true(out.includes('two\\nlines\\u001b[31m'), out);
});

test('prints PostgreSQL’s message for a failed statement, and exits 1', async (t) => {
  for (const [statement, expected] of [
    ['select oops', /^ERROR: column "oops" does not exist\n$/],
    ['select * from projetcs', /^ERROR: relation "projetcs" does not exist\n$/],
    ['select length(1)', /^ERROR: function length\(integer\) does not exist\n.*HINT: /s],
    [`insert into notes (name) values ('')`, /^ERROR: .*notes__name_length/],
  ] as const) {
    const ran = await sql('acme', statement);
    t.is(ran.code, 1);
    t.regex(ran.err, expected);
    t.notRegex(ran.err, /^\s+at /m);
  }
});

test('rejects DDL, settings and other tenants in the shell', async (t) => {
  for (const [statement, expected] of [
    ['drop table notes', /begin with "drop"/],
    ['set role postgres', /begin with "set"/],
    ['truncate notes', /begin with "truncate"/],
    ['select * from globex.users', /permission denied/],
    ['select * from public.tenants', /permission denied/],
    [`select set_config('role', 'postgres', true)`, /permission denied/],
  ] as const) {
    const ran = await sql('acme', statement);
    t.is(ran.code, 1, statement);
    t.regex(ran.err, expected);
  }
  const { out } = await sql('acme', 'select tenancy.current_tenant() as inside', '--json');
  t.is(JSON.parse(out)[0].rows[0].inside, world.acme.role);
});

test('runs every statement in its own transaction', async (t) => {
  await world.provision('written');
  const ran = await sql(
    'written',
    `insert into notes (name) values ('kept'); insert into notes (name) values (1/0); insert into notes (name) values ('never')`,
  );
  t.deepEqual([ran.code, ran.out], [1, 'INSERT 1\n']);
  t.deepEqual(await world.asOwner('select name from written.notes'), [{ name: 'kept' }]);
  const refused = await sql('written', 'delete from notes', '--read-only');
  t.is(refused.code, 1);
  t.regex(refused.err, /read-only transaction/);
  t.deepEqual(await world.asOwner('select name from written.notes'), [{ name: 'kept' }]);
});

test('rejects an unknown tenant and one in maintenance with one sentence', async (t) => {
  const nobody = await sql('nobody', 'select 1');
  t.is(nobody.code, 1);
  isPlain(t, nobody);
  await world.provision('closed');
  await world.asOwner(`update public.tenants set status = 'maintenance' where schema_name = 'closed'`);
  const closed = await sql('closed', 'select 1');
  t.is(closed.code, 1);
  isPlain(t, closed);
});

test('reads a script with statements over several lines from standard input, and stops at the first error', async (t) => {
  const ran = await tenants(
    ['sql', '--schema', 'acme'],
    `-- a comment; with a semicolon\nselect $$a;\nb$$ as text,\n  'it''s' as word;\n\\dt\nselect oops;\nselect 'never'`,
  );
  t.is(ran.code, 1);
  t.true(ran.out.includes("a;\\nb | it's"), ran.out);
  t.regex(ran.out, /^ notes +\| table$/m);
  t.false(ran.out.includes('never'));
  t.regex(ran.err, /column "oops" does not exist/);
  const last = await tenants(['sql', '--schema', 'acme', '--json'], `select 1 as a;\nselect 2 as b`);
  t.deepEqual(
    JSON.parse(last.out).map(({ rows }: { rows: unknown[] }) => rows[0]),
    [{ a: 1 }, { b: 2 }],
  );
});

test('shows a prompt on a terminal, continues after an error, and ends on \\q', async (t) => {
  const input = new PassThrough();
  const output = new PassThrough();
  let shown = '';
  output.setEncoding('utf8').on('data', (text) => {
    shown += text;
  });
  const executed: string[] = [];
  const printed: string[] = [];
  const shell = runShell({
    input,
    output,
    interactive: true,
    schema: 'acme',
    execute: async (statement) => {
      executed.push(statement);
      if (statement.includes('oops')) {
        throw new Error('no such thing');
      }
    },
    print: (line) => printed.push(line),
    explain: (error) => (error as Error).message,
  });
  const type = async (text: string, answered: () => boolean): Promise<void> => {
    input.write(text);
    while (!answered()) {
      await once(output, 'data');
    }
  };
  const prompts = (prompt: string) => shown.split(prompt).length - 1;
  await type('select 1,\n', () => prompts('acme-> ') === 1);
  await type("';';\n", () => executed.length === 1 && prompts('acme=> ') === 2);
  t.deepEqual(executed, ["select 1,\n';'"]);
  await type('select oops;\n', () => prompts('acme=> ') === 3);
  t.deepEqual(printed, ['no such thing']);
  await type('\\?\n', () => prompts('acme=> ') === 4);
  t.true(printed.some((line) => line.includes('\\q')));
  input.write('\\q\n');
  await shell;
  t.is(executed.length, 2);
});
