/**
 * Installs the packed package outside the repository and uses it as a new user would: npm run test:package.
 *
 * The previous release is this one with an older version, without the newest migration of accounts, and with an older
 * text of a function, because nothing is published yet. Once 0.1.0 is published, install that one instead.
 */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import test from 'ava';

import { createTestDatabase, type TestDatabase } from '../../src/testing/test-database.ts';
import { testServerUrl } from '../helpers/postgres.ts';
import { logInAt, PASSWORD, sendRequest } from '../helpers/server.ts';
import { linkPackages } from './link-packages.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const TIMEOUT_MS = 600_000;
const PREVIOUS = '0.0.1';
/** A migration of the example that the previous release did not have. */
const NEWEST_OF_APP = '20261201000000000_comments.ts';

const run = promisify(execFile);

let folder: string;
let app: string;
let database: TestDatabase;
let packed: Readonly<{ file: string; version: string; files: readonly string[] }>;

/** The environment of the app's programs: this Node, and no variables of the developer except those of npm. */
const environment = (more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) =>
      /^(HOME|NODE_EXTRA_CA_CERTS|(https?|no)_proxy|npm_config_(?!prefix|local).*)$/i.test(name),
    ),
  ),
  PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`,
  NODE_COMPILE_CACHE: path.join(folder, 'compiled'),
  ...more,
});

const serviceEnvironment = (): Readonly<Record<string, string>> => ({
  DATABASE_URL: database.serviceUrl,
  OWNER_DATABASE_URL: database.ownerUrl,
  APP_SECRET: 'Vq3pT0cJ8xWm5sYb2nKd7rZf4hLg9aEuCo6iXtBv',
  TENANCY_KEYS: 'main:Kd7rZf4hLg9aEuCo6iXtBvVq3pT0cJ8xWm5sYb2n',
  BASE_DOMAIN: 'localhost',
  PORT: '0',
  BIND_ADDRESS: '127.0.0.1',
});

async function pack(): Promise<typeof packed> {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: ROOT,
    env: environment(),
  });
  // prepack may print before it.
  const [made] = JSON.parse(stdout.slice(stdout.search(/^\[/m))) as [
    { filename: string; version: string; files: ReadonlyArray<{ path: string }> },
  ];
  return {
    file: path.join(folder, made.filename),
    version: made.version,
    files: made.files.map((file) => file.path),
  };
}

async function installPacked(): Promise<void> {
  await linkPackages(app);
  await run(
    'npm',
    ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', packed.file],
    {
      cwd: app,
      env: environment(),
    },
  );
}

/**
 * Makes the installed package the previous release, which differs in three files: npm would replace its folder only.
 * Returns the migration that it lacks, and the function that makes it this release again.
 */
async function installPrevious(): Promise<{ migration: string; upgrade: () => Promise<void> }> {
  const installed = path.join(app, 'node_modules/koa-tenants');
  const folderOfMigrations = path.join(installed, 'dist/migrations/tenant/accounts');
  const migration = (await readdir(folderOfMigrations)).sort().at(-1) ?? '';
  const files = ['package.json', 'dist/sql/shared/functions/version.sql'].map((file) =>
    path.join(installed, file),
  );
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  const [manifest = '', functions = ''] = texts;
  const older = [
    manifest.replace(`"version": "${packed.version}"`, `"version": "${PREVIOUS}"`),
    `${functions}\n-- An older text.\n`,
  ];
  const write = (contents: readonly string[]): Promise<unknown> =>
    Promise.all(files.map((file, at) => writeFile(file, contents[at] ?? '')));
  await write(older);
  await rename(path.join(folderOfMigrations, migration), path.join(folder, migration));
  return {
    migration,
    upgrade: async () => {
      await write(texts);
      await rename(path.join(folder, migration), path.join(folderOfMigrations, migration));
    },
  };
}

/** Runs the bin of the installed package. */
async function tenants(args: readonly string[], input = ''): Promise<string> {
  const running = run('node_modules/.bin/tenants', args, {
    cwd: app,
    env: environment(serviceEnvironment()),
  });
  running.child.stdin?.end(input);
  return (await running).stdout;
}

async function startMain(): Promise<{ child: ChildProcessWithoutNullStreams; port: number }> {
  const child = spawn(process.execPath, ['src/main.ts'], {
    cwd: app,
    env: environment(serviceEnvironment()),
  });
  child.stderr.pipe(process.stderr);
  for await (const line of createInterface(child.stdout)) {
    const { msg, port } = JSON.parse(line) as { msg: string; port?: number };
    if (msg === 'listening' && port !== undefined) {
      child.stdout.resume();
      return { child, port };
    }
  }
  throw new Error('The service of the example did not start.');
}

test.before(async (t) => {
  t.timeout(TIMEOUT_MS);
  folder = await mkdtemp(path.join(tmpdir(), 'koa-tenants-package-'));
  app = path.join(folder, 'notes');
  await cp(path.join(ROOT, 'examples/notes'), app, {
    recursive: true,
    filter: (source) => !/\/(node_modules|\.data|\.env)$/.test(source),
  });
  packed = await pack();
  database = await createTestDatabase(await testServerUrl(), async () => {});
});

test.after.always(async () => {
  await database?.drop();
  await rm(folder, { recursive: true, force: true });
});

test.serial(
  'contains JavaScript, declarations, SQL and migrations, and what the documentation links to',
  async (t) => {
    const allowed =
      /^(dist\/.+\.(js|d\.ts|sql|txt)|dist\/console\/.+\.(html|css|js|svg|json)(\.br|\.gz)?|dist\/swagger-ui\/(swagger-ui\.css|LICENSE|NOTICE)|(README|CHANGELOG|CONTRIBUTING)\.md|LICENSE|package\.json|\.env\.example|(docs|examples|compose)\/.+|(bench|sql)\/README\.md|bench\/results\/soak\.json|sql\/hardened\.txt|compose\.yaml|fly\.toml)$/;
    t.deepEqual(
      packed.files.filter((file) => !allowed.test(file)),
      [],
    );
    t.deepEqual(
      packed.files.filter((file) =>
        /\/projects\/|^(dist\/)?test\/|dist\/src\/(main|cli|project)\./.test(file),
      ),
      [],
    );
    for (const file of [
      'dist/src/index.d.ts',
      'dist/src/testing/index.js',
      'dist/src/tenants.js',
      'dist/swagger-ui/swagger-ui.css',
      'dist/swagger-ui/swagger-ui-bundle.js',
      'dist/swagger-ui/LICENSE',
      'LICENSE',
    ]) {
      t.true(packed.files.includes(file), file);
    }
    for (const page of packed.files.filter(
      (file) => /^(README|docs\/.+)\.?(md)?$/.test(file) && file.endsWith('.md'),
    )) {
      const text = await readFile(path.join(ROOT, page), 'utf8');
      for (const [, link = ''] of text.matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)) {
        const target = path.join(path.dirname(page), link).replace(/\/$/, '');
        const isPacked = packed.files.some((file) => file === target || file.startsWith(`${target}/`));
        t.true(isPacked, `${page} links to ${link}`);
      }
    }
  },
);

test.serial('upgrades a database of the previous release, and serves it', async (t) => {
  t.timeout(TIMEOUT_MS);
  const newest = path.join(app, 'src/notes/migrations', NEWEST_OF_APP);
  const later = path.join(folder, NEWEST_OF_APP);
  await rename(newest, later);
  await installPacked();
  const previous = await installPrevious();
  t.is((await tenants(['--version'])).trim(), PREVIOUS);
  await database.alone(() => tenants(['migrate']));
  await tenants(
    [
      'create-tenant',
      '--schema',
      'acme',
      '--name',
      'Acme',
      '--domain',
      'acme.localhost',
      '--superuser',
      'ada',
    ],
    `${PASSWORD}\n${PASSWORD}\n`,
  );
  const notes = [{ model: 'notes.note', pk: 1, fields: { author_id: 1, title: 'From before' } }];
  await tenants(['load-data', '-', '--schema', 'acme'], JSON.stringify(notes));

  await previous.upgrade();
  await rename(later, newest);
  const applied = await database.alone(() => tenants(['migrate', '--json']));
  for (const migration of [previous.migration, NEWEST_OF_APP]) {
    const [time, what] = path.parse(migration).name.split('_');
    t.regex(applied, new RegExp(`${time}_\\w*${what}`));
  }
  t.notRegex(await tenants(['migrate', '--json']), /_comments/);

  const { child, port } = await startMain();
  try {
    const token = await logInAt(port, 'acme.localhost', 'ada');
    const { body } = await sendRequest(port, 'acme.localhost', 'GET', '/api/notes/', { token });
    t.deepEqual(
      body.results.map(({ title }: { title: string }) => title),
      ['From before'],
    );
    const comment = { token, body: { body: 'Still here' } };
    t.is((await sendRequest(port, 'acme.localhost', 'POST', '/api/notes/1/comments/', comment)).status, 201);
    for (const file of ['', 'swagger-ui.css', 'swagger-ui-bundle.js']) {
      const { status, text } = await sendRequest(port, 'acme.localhost', 'GET', `/api/docs/${file}`);
      t.is(status, 200, file);
      t.true(text.length > 500, file);
    }
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    t.is(await ended, 0);
  }
});

test.serial('passes the type check of a project with skipLibCheck off', async (t) => {
  t.timeout(TIMEOUT_MS);
  const { compilerOptions } = JSON.parse(await readFile(path.join(app, 'tsconfig.json'), 'utf8')) as {
    compilerOptions: Record<string, unknown>;
  };
  t.false('skipLibCheck' in compilerOptions);

  // The only error is a deliberate one: the declarations are not `any`.
  const wrong = path.join(app, 'src/wrong.ts');
  await writeFile(wrong, `import { defineApp } from 'koa-tenants';\ndefineApp({ name: 1 });\n`);
  const { stdout } = await t.throwsAsync<Error & { stdout: string }>(
    run('npm', ['run', '--silent', 'types', '--', '--checkers', '1'], {
      cwd: app,
      env: environment({ GOGC: 'off' }),
    }),
  );
  t.deepEqual(
    stdout.match(/^\S.*/gm)?.filter((line) => !/^src\/wrong\.ts.*'number' is not assignable/.test(line)),
    [],
    stdout,
  );
  await rm(wrong);
});

test.serial('runs the tests of the example on its own embedded PostgreSQL', async (t) => {
  t.timeout(TIMEOUT_MS);
  const { stdout } = await run('npm', ['test', '--silent'], { cwd: app, env: environment() });
  t.regex(stdout, /^. pass [1-9]\d*$/m);
  t.regex(stdout, /^. fail 0$/m);
});

test.serial('describes every route of the example, without a database', async (t) => {
  const { stdout, stderr } = await run('node_modules/.bin/tenants', ['openapi'], {
    cwd: app,
    env: environment(serviceEnvironment()),
  });
  t.is(stderr, '');
  const { paths, components } = JSON.parse(stdout) as Record<string, Record<string, object>>;
  t.deepEqual(
    Object.entries(paths ?? {})
      .filter(([template]) => template.startsWith('/api/notes/'))
      .map(([template, operations]) => `${template} ${Object.keys(operations)}`),
    ['/api/notes/ get,post', '/api/notes/{id}/ get,patch,delete', '/api/notes/{id}/comments/ get,post'],
  );
  for (const name of ['Note', 'NoteRequest', 'PatchedNoteRequest', 'Comment', 'CommentRequest']) {
    t.true(Object.hasOwn(components?.schemas ?? {}, name), name);
  }
});

test.serial('starts an app with two files of three lines', async (t) => {
  const { stdout } = await run(process.execPath, ['src/cli.ts', 'list-tenants', '--json'], {
    cwd: app,
    env: environment(serviceEnvironment()),
  });
  t.regex(stdout, /"acme"/);
});
