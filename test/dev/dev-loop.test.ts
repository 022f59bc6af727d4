// Runs `dev` in a copy of this project with an embedded PostgreSQL:
//   node test/run.ts test/dev/dev-loop.test.ts
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import pg from 'pg';

import { runAdminShell } from '../../src/dev/psql.ts';
import { sendRequest } from '../../src/testing/test-client.ts';
import { runIn } from '../cli/run.ts';
import { compileCacheOf } from '../helpers/compile-cache.ts';
import { makeWorkingCopy, type WorkingCopy } from '../helpers/working-copy.ts';

type Ended = Readonly<{ code: number | null; output: string }>;

/** The tests use it one after the other, with one database. */
let copy: WorkingCopy;

const cleanEnv = (more: Readonly<Record<string, string>> = {}) => ({
  PATH: process.env.PATH ?? '',
  ...compileCacheOf(copy.folder),
  ...more,
});

function startCommand({ folder }: WorkingCopy, command: string, script = 'src/cli.ts') {
  const child = spawn(process.execPath, [join(folder, script), command], {
    cwd: folder,
    env: cleanEnv({ PORT: '0' }),
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => output.push(text));
  }
  return { child, text: () => output.join('') };
}

/** Waits until the text of `dev` after `from` has a match. The timeout of the test ends the wait. */
async function waitFor(text: () => string, pattern: RegExp, from = 0): Promise<RegExpExecArray> {
  for (;;) {
    const match = pattern.exec(text().slice(from));
    if (match) {
      return match;
    }
    await sleep(50);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    await ended;
  }
}

/** The pages for login, which a change makes visible. */
const PAGES = 'src/apps/accounts/pages/session-views.ts';
const APP = 'src/apps/accounts/app.ts';

test.before(async () => {
  copy = await makeWorkingCopy();
});
test.after.always(async () => {
  if (copy) {
    // Also deletes data that an embedded PostgreSQL keeps elsewhere for root.
    await runIn(copy.folder, ['reset', '--yes']);
    await copy.remove();
  }
});

test.serial('reloads after a change, waits after an error, and applies new migrations', async (t) => {
  t.timeout(300_000);
  const { child, text } = startCommand(copy, 'dev');
  t.teardown(() => stop(child));
  const [, found] = await waitFor(text, /Ready on port (\d+)/);
  const port = Number(found);
  const get = (host: string, path: string) => sendRequest(port, host, 'GET', path);
  const databaseUrl = async (): Promise<string> =>
    JSON.parse(await readFile(join(copy.folder, '.data/dev.json'), 'utf8')).ownerDatabaseUrl;
  const first = await databaseUrl();

  // Every URL that is printed outside a command opens a page.
  const printed = text()
    .split('\n')
    .filter((line) => !line.includes('curl '))
    .flatMap((line) => line.match(/http:\/\/[\w.:/-]*\w/g) ?? []);
  t.true(printed.length >= 3);
  for (const url of printed) {
    const { hostname, pathname } = new URL(url);
    t.true((await get(hostname, pathname)).status < 400, url);
  }

  // The link of a mail, too.
  const body = { email: 'alice@acme.localhost' };
  const reset = await sendRequest(port, 'acme.localhost', 'POST', '/api/auth/users/reset_password/', {
    body,
  });
  t.is(reset.status, 204);
  const [link] = await waitFor(text, /http:\/\/\S+\/password\/reset\/confirm\/\S+/);
  t.is(new URL(link).port, String(port));
  const page = await sendRequest(port, 'acme.localhost', 'GET', new URL(link).pathname, {
    headers: { Accept: 'text/html' },
  });
  t.is(page.status, 200);
  t.regex(page.text, /Choose a new password/);
  const [uid, token] = new URL(link).pathname.split('/').slice(-2);
  const confirmed = await sendRequest(
    port,
    'acme.localhost',
    'POST',
    '/api/auth/users/reset_password_confirm/',
    {
      body: { uid, token, new_password: 'a-new-demo-password' },
    },
  );
  t.is(confirmed.status, 204, confirmed.text);
  t.is((await get('acme.localhost', "/password/reset/confirm/it's/$(x)")).status, 404);

  // The code of an error is printed, also if the response does not have it.
  t.is((await get('nobody.localhost', '/')).status, 404);
  await waitFor(text, /404 GET \/ [\d.]+ ms tenant_not_found/);

  // A syntax error, and its correction.
  const source = await readFile(join(copy.folder, PAGES), 'utf8');
  let from = text().length;
  await copy.write(PAGES, `${source}\nsyntax error(`);
  await waitFor(text, /Not serving\. Waiting for a change/, from);
  t.regex(text().slice(from), /SyntaxError/);
  from = text().length;
  await copy.write(PAGES, source.replace("title: 'Log in'", "title: 'The changed page'"));
  await waitFor(text, /session-views\.ts changed\. Restarting\.[\s\S]*Ready on port/, from);
  t.regex((await get('acme.localhost', '/login')).text, /The changed page/);

  // A migration that fails, and its corrected version.
  const migration = 'migrations/tenant/accounts/29990101000000000_colors.ts';
  const up = (type: string): string =>
    `import type { MigrationBuilder } from 'node-pg-migrate';
export const up = (pgm: MigrationBuilder): void => pgm.sql('alter table users add column color ${type}');
`;
  from = text().length;
  await copy.write(migration, up('no_such_type'));
  await waitFor(text, /Not serving\. Waiting for a change/, from);
  t.regex(text().slice(from), /no_such_type/);
  from = text().length;
  await copy.write(migration, up('text'));
  await waitFor(text, /Ready on port/, from);
  const client = new pg.Client({ connectionString: await databaseUrl() });
  await client.connect();
  const { rows } = await client.query(
    "select table_schema from information_schema.columns where column_name = 'color' and table_schema in ('acme', 'globex') order by 1",
  );
  await client.end();
  t.deepEqual(
    rows.map(({ table_schema }) => table_schema),
    ['acme', 'globex'],
  );
  // The same PostgreSQL on the same port throughout.
  t.is(await databaseUrl(), first);

  // Commands while `dev` runs.
  const psql = startCommand(copy, 'psql');
  psql.child.stdin.end('select 2 * count(*) as tenants from acme.users;\n');
  const [code] = await once(psql.child, 'close');
  t.is(code, 0, psql.text());
  t.regex(psql.text(), /tenants\s[\s\S]*\b6\b/);
  const lines: string[] = [];
  const stdio = {
    input: Readable.from(['select 2 * count(*) as tenants from acme.users;\n', 'select no_such_column;\n']),
    output: new PassThrough(),
    interactive: false,
  };
  await t.throwsAsync(runAdminShell(first, { print: (line) => lines.push(line), stdio }), {
    message: /no_such_column/,
  });
  t.regex(lines.join('\n'), /tenants\s[\s\S]*\b6\b/);
  const refused = await runIn(copy.folder, ['reset', '--yes']);
  t.is(refused.code, 1);
  t.regex(refused.err, /Stop it first/);

  await stop(child);
  t.is(child.exitCode, 0);
  await copy.write(PAGES, source);
});

test.serial('waits for a change when the first start has a syntax error', async (t) => {
  t.timeout(300_000);
  const applied = 'sql/tenant/accounts/accounts.sql';
  const appliedSource = await readFile(join(copy.folder, applied), 'utf8');
  await copy.write(applied, `${appliedSource}\ncreate table more ();\n`);
  const source = await readFile(join(copy.folder, PAGES), 'utf8');
  const appSource = await readFile(join(copy.folder, APP), 'utf8');
  await copy.write(APP, `${appSource}\nsyntax error(`);
  const { child, text } = startCommand(copy, 'dev', 'src/tenants.ts');
  t.teardown(() => stop(child));
  await waitFor(text, /Not serving\. Waiting for a change/);
  t.regex(text(), /SyntaxError/);
  let from = text().length;
  await copy.write(APP, `${appSource}\nanother error(`);
  await waitFor(text, /Not serving\. Waiting for a change/, from);
  from = text().length;
  await copy.write(APP, appSource);
  const [, port] = await waitFor(text, /Ready on port (\d+)/, from);
  // A file of a migration that the previous test applied.
  t.regex(
    text().slice(from),
    /has changed since it was applied[\s\S]*not released yet: stop, .*`make reset`/,
  );
  // From here on it reloads as always.
  from = text().length;
  await copy.write(PAGES, source.replace("title: 'Log in'", "title: 'The changed page'"));
  await waitFor(text, /Ready on port/, from);
  t.regex((await sendRequest(Number(port), 'acme.localhost', 'GET', '/login')).text, /The changed page/);
  await stop(child);
  t.is(child.exitCode, 0, text());
});

test.serial('ends on a signal while it waits for the first start', async (t) => {
  t.timeout(120_000);
  const appSource = await readFile(join(copy.folder, APP), 'utf8');
  await copy.write(APP, 'syntax error(');
  t.teardown(() => copy.write(APP, appSource));
  const { child, text } = startCommand(copy, 'dev', 'src/tenants.ts');
  t.teardown(() => stop(child));
  await waitFor(text, /Not serving\. Waiting for a change/);
  await stop(child);
  t.is(child.exitCode, 143);
});

test.serial('reset deletes nothing outside of development or without a confirmation', async (t) => {
  const secrets = join(copy.folder, '.data/secrets.json');
  const attempts: ReadonlyArray<readonly [string[], Record<string, string>, string, RegExp]> = [
    [['--yes'], { DATABASE_URL: 'postgres://app@127.0.0.1:1/app' }, '', /DATABASE_URL is set/],
    [['--yes'], { OWNER_DATABASE_URL: 'postgres://app@127.0.0.1:1/app' }, '', /OWNER_DATABASE_URL is set/],
    [['--yes'], { NODE_ENV: 'production' }, '', /NODE_ENV is production/],
    [[], {}, 'n\n', /Nothing was deleted/],
    [[], {}, '', /Nothing was deleted/],
  ];
  for (const [args, env, input, message] of attempts) {
    const { code, out, err } = await runIn(copy.folder, ['reset', ...args], env, input);
    t.is(code, 1, out);
    t.regex(err, message);
    await t.notThrowsAsync(access(secrets));
  }
  const { code, err } = await runIn(copy.folder, ['reset'], {}, 'y\n');
  t.is(code, 0, err);
  await t.throwsAsync(access(secrets), { code: 'ENOENT' });
  await t.throwsAsync(access(join(copy.folder, '.data/postgres')), { code: 'ENOENT' });
});

test.serial('builds an image without development commands', async (t) => {
  t.timeout(240_000);
  const project = join(import.meta.dirname, '../..');
  const scripts = ['build.ts', 'bundle-service.ts', 'copy-swagger-ui.ts'].map((file) => `scripts/${file}`);
  for (const file of ['tsconfig.json', 'tsconfig.build.json', ...scripts]) {
    await copy.write(file, await readFile(join(project, file), 'utf8'));
  }
  await copy.write('fixtures/demo.json', '[]');
  // These take longer than everything else, and are not the subject.
  await copy.write('scripts/build-console.ts', 'export const buildConsole = async () => false;\n');
  await copy.write('scripts/client-types.ts', 'export const writeClientTypes = async () => {};\n');
  const build = spawn(process.execPath, ['scripts/build.ts'], { cwd: copy.folder, env: cleanEnv() });
  const [code] = await once(build, 'close');
  t.is(code, 0);
  await t.throwsAsync(access(join(copy.folder, 'dist/src/dev')), { code: 'ENOENT' });
  // Without sources, as in the image.
  const [sources, away] = [join(copy.folder, 'src'), join(copy.folder, 'src-away')];
  await rename(sources, away);
  t.teardown(() => rename(away, sources));
  const start = async (args: readonly string[], env = {}): Promise<Ended> => {
    const child = spawn(process.execPath, args, { cwd: copy.folder, env: cleanEnv(env) });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
    }
    const [exit] = await once(child, 'close');
    return { code: exit, output: text };
  };
  const run = (...args: string[]): Promise<Ended> => start(['dist/src/cli.js', ...args]);
  t.is((await run('--version')).code, 0);
  const list = await run('list-tenants');
  t.is(list.code, 2, list.output);
  t.regex(list.output, /DATABASE_URL is not set/);
  t.regex((await run('dev')).output, /unknown command/i);
  // The bundle of the service, without a database.
  const served = await start(['dist/src/main.js'], {
    DATABASE_URL: 'postgres://app:password@127.0.0.1:1/app',
    APP_SECRET: randomBytes(32).toString('base64'),
    TENANCY_KEYS: `k1:${randomBytes(32).toString('hex')}`,
    BASE_DOMAIN: 'example.com',
  });
  t.is(served.code, 1, served.output);
  t.regex(served.output, /Cannot connect to PostgreSQL at 127\.0\.0\.1:1/);
});
