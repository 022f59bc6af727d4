/** Run alone: node_modules/.bin/node test/run.ts test/structure/app-names.test.ts */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

import type { Project } from '../../src/definition/define-project.ts';
import { project } from '../../src/project.ts';
import { loadTenantMigrations } from '../../src/tenancy/migrations/tenant-migrations.ts';
import { servedProject } from '../fixture-app/served-project.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FIXTURE_APP = path.join(ROOT, 'test/fixture-app');

/** The engine. It receives apps as values and names none. */
const ENGINE = ['src/tenancy', 'src/db', 'src/http', 'src/attacks', 'src/server', 'src/cli/framework'];

/** Tests of the engine. They use the apps of test/fixture-app/. */
const ENGINE_TESTS = ['unit', 'db', 'tenancy', 'isolation', 'http', 'cli', 'fault', 'structure'].map(
  (folder) => `test/${folder}`,
);

/**
 * Names of accounts that tests of the engine use: accounts is in the served project, and the fixture
 * apps have neither sessions, nor settings, nor users that the command line creates. An app that a
 * team may delete has no exception.
 */
const EXCEPTIONS: Readonly<Record<string, readonly string[]>> = {
  'test/cli/commands.test.ts': ['users', 'LOGIN_FIELD'],
  'test/cli/create-commands.test.ts': ['users'],
  'test/cli/doctor.test.ts': ['SMTP_URL'],
  'test/cli/in-tenants.test.ts': ['users'],
  'test/http/concurrent-clients.test.ts': ['MAIL_DIR'],
  'test/http/cors-browser.test.ts': ['AUTH_COOKIES'],
  'test/http/logs.test.ts': ['AUTH_COOKIES', 'MAIL_DIR'],
  'test/http/metrics.test.ts': ['MAIL_DIR'],
  'test/http/openapi.test.ts': ['LOGIN_FIELD'],
  'test/isolation/attacks/responses.ts': ['AUTH_COOKIES'],
  'test/isolation/attacks/single-statements.ts': ['users', 'sessions'],
  'test/isolation/attacks/tokens.ts': ['users'],
  'test/isolation/fixture.ts': ['sessions', 'ACCESS_TOKEN_LIFETIME'],
  'test/isolation/test-app.ts': ['LEEWAY'],
  'test/tenancy/operations/worker.test.ts': ['users'],
  'test/tenancy/transfer/clone.test.ts': ['refresh_tokens', 'audit_events'],
  'test/tenancy/transfer/commands.test.ts': ['refresh_tokens', 'audit_events'],
  'test/tenancy/transfer/database-commands.test.ts': ['users', 'accounts.user'],
  'test/tenancy/transfer/databases.test.ts': ['LEEWAY'],
  'test/tenancy/transfer/damaged-dumps.test.ts': ['users'],
  'test/tenancy/transfer/killed.test.ts': ['users'],
  'test/tenancy/transfer/move-online.test.ts': ['refresh_tokens'],
  'test/tenancy/transfer/move.test.ts': ['refresh_tokens'],
  'test/tenancy/transfer/restore.test.ts': [
    'users',
    'refresh_tokens',
    'audit_events',
    'ACCESS_TOKEN_LIFETIME',
  ],
  'test/tenancy/transfer/varied-tables.ts': ['users', 'sessions', 'refresh_tokens', 'outbox', 'audit_events'],
  'test/unit/config.test.ts': [
    'ACCESS_TOKEN_LIFETIME',
    'LEEWAY',
    'THROTTLE_LOGIN',
    'SMTP_URL',
    'EMAIL_FRONTEND_PORT',
    'PASSWORD_HASHERS',
  ],
  'test/unit/mask.test.ts': ['SMTP_URL'],
};

async function readSources(folders: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const files = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(path.join(ROOT, folder), { recursive: true })).map((file) => `${folder}/${file}`),
    ),
  );
  return new Map(
    await Promise.all(
      files
        .flat()
        // This file lists the exceptions.
        .filter((file) => file.endsWith('.ts') && !file.endsWith('/app-names.test.ts'))
        // A table of the engine's own may have the name of an app's.
        .map(
          async (file) =>
            [
              file,
              (await readFile(path.join(ROOT, file), 'utf8')).replaceAll(/\btenancy\.\w+/g, 'tenancy.own'),
            ] as const,
        ),
    ),
  );
}

type App = Project['apps'][number];

/** Returns the names of an app's models, constraints, settings, variables and migrations. */
async function namesOf({ name, tables, violations, settings, environment }: App): Promise<readonly string[]> {
  return [
    ...Object.values(tables).flatMap(({ model }) => model ?? []),
    ...Object.keys({ ...violations, ...settings, ...environment }),
    ...(await loadTenantMigrations(project)).filter(({ app }) => app === name).map((found) => found.name),
  ];
}

const creates = (text: string, table: string): boolean =>
  new RegExp(`\\bcreate (?:\\w+ )?table (?:\\S+\\.)?${table}\\b`).test(text);

/** Returns whether SQL in a text uses a table that the text does not create. */
function usesTable(text: string, table: string): boolean {
  const named = `(?:only\\s+)?(?:[\\w\${}]+\\.)?${table}\\b`;
  const sql = [
    `\\b(?:select|delete)\\b[^;]{0,300}?\\bfrom\\s+${named}`,
    `\\b(?:insert|merge) into\\s+${named}`,
    `\\bupdate\\s+${named}\\s+(?:as \\w+\\s+)?set\\b`,
    `\\bjoin\\s+${named}\\s+(?:as|on|using)\\b`,
    `\\b(?:alter|drop|lock|truncate)(?: table)?\\s+(?:if exists\\s+)?${named}`,
    `\\bon\\s+${named}\\s*(?:\\(|for each)`,
    `\\b(?:acme|globex)\\\\?\\.${table}\\b`,
    // A name of several words is not an English word.
    ...(table.includes('_') ? [`(?<![\\w.-])${table}(?![\\w-])`] : []),
  ];
  // The schema tenancy has tables of the engine, some with the name of an app's table.
  const others = text.replaceAll(/\btenancy\.\w+/g, '');
  return new RegExp(sql.join('|')).test(others) && !creates(text, table);
}

const usesName = (text: string, name: string): boolean =>
  new RegExp(`(?<![\\w.-])${name.replaceAll('.', '\\.')}(?![\\w-])`).test(text);

async function readFixtureSql(): Promise<string> {
  const files = (await readdir(FIXTURE_APP, { recursive: true })).filter((file) => file.endsWith('.sql'));
  const texts = await Promise.all(files.map((file) => readFile(path.join(FIXTURE_APP, file), 'utf8')));
  return texts.join('\n');
}

/** Returns the uses of names of the repository's apps, by file. */
async function findUses(folders: readonly string[]): Promise<Readonly<Record<string, readonly string[]>>> {
  const sources = await readSources(folders);
  const found = new Map<string, string[]>();
  // An app may have a table with the name of a fixture's.
  const fixtures = await readFixtureSql();
  for (const app of project.apps) {
    const names = await namesOf(app);
    const tables = Object.keys(app.tables).filter((table) => !creates(fixtures, table));
    for (const [file, text] of sources) {
      const uses = [
        ...tables.filter((table) => usesTable(text, table)),
        ...names.filter((name) => usesName(text, name)),
      ];
      if (uses.length > 0) {
        found.set(file, [...(found.get(file) ?? []), ...uses]);
      }
    }
  }
  return Object.fromEntries([...found].sort(([one], [other]) => (one < other ? -1 : 1)));
}

test('finds the names of an app', async (t) => {
  const names = (await Promise.all(project.apps.map(namesOf))).flat();
  t.true(names.length > 30);
  t.true(usesTable('select from globex.orders', 'orders'));
  t.true(usesTable('world.asOwner(`truncate orders`)', 'orders'));
  t.true(usesTable(`insert into $\{schema}.orders (id) values (1)`, 'orders'));
  t.false(usesTable('create table orders (); select from orders', 'orders'));
  t.true(usesTable('select from acme.lines as l join orders on true', 'orders'));
  t.false(usesTable('const orders = rows.orders; // from orders', 'orders'));
  t.true(usesName('constraint orders__name', 'orders__name'));
  t.true(usesName("model: 'orders.order'", 'orders.order'));
  t.false(usesName("model: 'orders.orderly'", 'orders.order'));
});

test('the engine contains no table, constraint, setting, migration or model name of an app', async (t) => {
  t.deepEqual(await findUses(ENGINE), {});
});

test('tests of the engine contain no name of an app', async (t) => {
  t.deepEqual(await findUses(ENGINE_TESTS), EXCEPTIONS);
});

test('tests of the engine import no app that a team can delete', async (t) => {
  const served = new Set(servedProject.apps.map(({ name }) => name));
  const deletable = project.apps.map(({ name }) => name).filter((name) => !served.has(name));
  const importing: string[] = [];
  for (const [file, text] of await readSources(ENGINE_TESTS)) {
    const imported = [...text.matchAll(/^(?:import|\} from) .*'(.*)';$/gm)].map(([, from = '']) => from);
    t.false(
      imported.some((from) => deletable.some((name) => from.includes(`/apps/${name}/`))),
      file,
    );
    if (imported.some((from) => from.endsWith('/src/project.ts'))) {
      importing.push(file);
    }
  }
  // The deployment of this repository, and rules for every project.
  t.deepEqual(importing.sort(), [
    'test/cli/fly.test.ts',
    'test/isolation/run.ts',
    'test/structure/openapi.test.ts',
    'test/unit/project.test.ts',
  ]);
});
