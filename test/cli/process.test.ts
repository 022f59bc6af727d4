/** Command lines in a process of their own. Run alone: node_modules/.bin/node test/run.ts test/cli/process.test.ts */
import { once } from 'node:events';
import test from 'ava';
import { environmentOf } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { run, runProcess, start } from './run.ts';

let world: World;
test.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

// The other tests call the command line in their own process.
for (const [title, args, code, input] of [
  ['help', ['--help'], 0],
  ['the help of a command', ['show-tenant', '--help'], 0],
  ['an unknown command', ['no-such-command'], 2],
  ['a missing option', ['show-tenant'], 2],
  ['a schema name that is invalid', ['show-tenant', '--schema', 'A b'], 2],
  ['a tenant that does not exist', ['show-tenant', '--schema', 'nobody'], 1],
  ['a list', ['list-tenants', '--json'], 0],
  ['a migration', ['migrate'], 0],
  ['a command of a tenant', ['tenant-command', 'show-tenant', '--schema', 'acme', '--json'], 0],
  ['a command of every tenant', ['all-tenants-command', 'settings', '--json'], 0],
  ['SQL from standard input', ['sql', '--schema', 'acme'], 0, 'select 40 + 2 as answer;\n'],
  ['SQL that fails', ['sql', '--schema', 'acme'], 1, 'select oops;\n'],
  ['a shell', ['shell', '--schema', 'acme'], 0, '40 + 2\n'],
  ['a question that standard input does not answer', ['delete-tenant', '--schema', 'globex'], 2],
  ['rows of a tenant', ['dump-data', '--schema', 'acme'], 0],
] as const) {
  test(`returns the exit code and the output of the command line in a process: ${title}`, async (t) => {
    const apart = await runProcess('cli.ts', args, environmentOf(world), input);
    t.is(apart.code, code, apart.err);
    t.deepEqual(await run('cli.ts', args, environmentOf(world), input), apart);
  });
}

test('ends while its standard input is open', async (t) => {
  const child = await start('cli.ts', ['list-tenants'], environmentOf(world));
  child.stdout.resume();
  child.stderr.resume();
  const [code] = await once(child, 'close');
  t.is(code, 0);
});

for (const [signal, code] of [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`ends a process that waits for input on ${signal}, with exit code ${code}`, async (t) => {
    const child = await start('cli.ts', ['sql', '--schema', 'acme'], environmentOf(world));
    child.stdin.write('select 40 + 2 as answer;\n');
    // It has connected when it prints the first result.
    await once(child.stdout, 'data');
    child.kill(signal);
    const [ended] = await once(child, 'close');
    t.is(ended, code);
  });
}
