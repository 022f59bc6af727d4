import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import test from 'ava';

import { configNames } from '../../src/config/config.ts';
import { defineApp } from '../../src/definition/define-app.ts';
import { defineProject } from '../../src/definition/define-project.ts';
import { project as repositoryProject } from '../../src/project.ts';
import { statementsOf } from '../../src/tenancy/migrations/apply-migrations.ts';
import { validateSharedMigrations } from '../../src/tenancy/migrations/run-migrations.ts';
import { loadTenantMigrations, migrationsOn } from '../../src/tenancy/migrations/tenant-migrations.ts';

let folder: string;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-apps-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const SQL = join(import.meta.dirname, '../../src/tenancy/migrations/migration-sql.ts');

/** Writes an app outside the repository: its files, by their path in its folder. */
async function writeApp(place: string, files: Readonly<Record<string, string>>): Promise<string> {
  for (const [file, text] of Object.entries(files)) {
    const target = join(folder, place, file);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  return join(folder, place);
}
const applies = (file: string, kind: 'tenantSql' | 'concurrentSql' = 'tenantSql'): string =>
  `import { ${kind} } from '${SQL}';\nexport const up = ${kind}('${file}');\n`;
const invalid = (message: RegExp) => ({ code: 'configuration_invalid', message }) as never;
const invalidMigration = (message: RegExp) => ({ code: 'migration_invalid', message }) as never;

test('lists exactly the variables that are read in .env.example', async (t) => {
  const text = await readFile(join(import.meta.dirname, '../../.env.example'), 'utf8');
  const named = [...text.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name).sort();
  t.deepEqual(named, [...configNames(repositoryProject)].sort());
});

test('sorts apps after the apps they need', (t) => {
  const on = ['tenant'] as const;
  const app = (name: string, needs: readonly string[] = []) =>
    defineApp({ name, directory: folder, needs, on });
  const { apps } = defineProject({ apps: [app('c', ['b']), app('a'), app('b', ['a'])] });
  t.deepEqual(
    apps.map(({ name }) => name),
    ['a', 'b', 'c'],
  );
  t.throws(
    () => defineProject({ apps: [app('a', ['b']), app('b', ['a'])] }),
    invalid(/Circular dependency of apps: a, b, a/),
  );
  t.throws(() => defineProject({ apps: [app('a', ['b'])] }), invalid(/requires the app "b"/));
  t.throws(() => defineProject({ apps: [app('a'), app('a')] }), invalid(/two apps named "a"/));
  for (const apps of [undefined, app('a'), [undefined], [app('a'), {}]]) {
    t.throws(
      () => defineProject({ apps: apps as never }),
      invalid(/`apps` of defineProject must be an array/),
    );
  }
  t.throws(() => app('Notes'), invalid(/"Notes" is not a valid app name/));
});

test('rejects a permission that does not begin with the name of its app', (t) => {
  const appWith = (permission: string) => () =>
    defineApp({ name: 'notes', directory: folder, permissions: { [permission]: '' } });
  for (const permission of ['publish', 'posts.publish', 'notes.', 'notes.Publish', 'notes.a.b', 'notes']) {
    t.throws(appWith(permission), invalid(/permission ".*" of the app "notes" must be notes\./), permission);
  }
  t.notThrows(appWith('notes.publish_all'));
});

test('rejects an app with tables where an app that it needs has none', (t) => {
  const needed = defineApp({ name: 'needed', directory: folder });
  const both = defineApp({ name: 'both', directory: folder, needs: ['needed'], on: ['tenant', 'site'] });
  t.throws(() => defineProject({ apps: [needed, both] }), invalid(/has none there\. Add "site"/));
});

test('rejects a migration without "up", a missing SQL file and invalid SQL, with file and line', async (t) => {
  const time = '20270101000000000';
  for (const [name, files, message] of [
    [
      'without_up',
      { [`migrations/${time}_a.ts`]: 'export const down = () => {};\n' },
      /_a\.ts: does not export a function "up"/,
    ],
    [
      'missing_file',
      { [`migrations/${time}_a.ts`]: applies('none.sql') },
      /_a\.ts: its file .*none\.sql does not exist/,
    ],
    ['bad_name', { 'migrations/a.ts': applies('a.sql') }, /a\.ts: the name of a migration must be/],
    [
      'qualified',
      { [`migrations/${time}_a.ts`]: applies('a.sql'), 'sql/a.sql': 'select 1;\nselect * from acme.a' },
      /a\.sql, line 2: "acme\."/,
    ],
    [
      'syntax',
      { [`migrations/${time}_a.ts`]: applies('a.sql'), 'sql/a.sql': 'select 1;\n\nselekt 2' },
      /a\.sql, line 3: syntax error at or near "selekt"/,
    ],
  ] as const) {
    const directory = await writeApp(`faulty_${name}`, files as Readonly<Record<string, string>>);
    const apps = [defineApp({ name, directory })];
    await t.throwsAsync(loadTenantMigrations(defineProject({ apps })), invalidMigration(message), name);
  }
});

const SHARED = join(import.meta.dirname, '../../sql/shared');

test('rejects a migration whose import fails, with file and cause', async (t) => {
  const directory = await writeApp('imports', {
    'migrations/20270101000000000_a.ts': "import { up } from './gone.ts';\nexport { up };\n",
  });
  await t.throwsAsync(
    loadTenantMigrations(defineProject({ apps: [defineApp({ name: 'imports', directory })] })),
    {
      code: 'project_invalid',
      message: /_a\.ts: Error: Cannot find module '.*gone\.ts' imported from .*_a\.ts\.$/,
    } as never,
  );
});

test('validates shared migrations in the same way', async (t) => {
  const up = (file: string) =>
    `import { sharedSql } from '${SQL}';\nexport const up = sharedSql('${file}');\n`;
  for (const [place, files, message] of [
    [
      'up',
      { '20270101000000000_a.ts': 'export const down = false;\n' },
      /_a\.ts: does not export a function "up"/,
    ],
    ['name', { 'a.ts': up('roles.sql') }, /a\.ts: the name of a migration must be/],
    ['file', { '20270101000000000_a.ts': up('none.sql') }, /_a\.ts: its file .*none\.sql does not exist/],
    [
      'sql',
      {
        '20270101000000000_a.ts': up(relative(SHARED, join(folder, 'shared_sql/a.sql'))),
        'a.sql': 'select 1;\ncommit',
      },
      /a\.sql, line 2: "commit"/,
    ],
  ] as const) {
    const directory = await writeApp(`shared_${place}`, files as Readonly<Record<string, string>>);
    await t.throwsAsync(validateSharedMigrations(directory), invalidMigration(message), place);
  }
  await t.notThrowsAsync(validateSharedMigrations());
});

test('reads migrations and SQL of an app outside the repository from its own folder', async (t) => {
  const directory = await writeApp('own', {
    'migrations/20270101000000000_notes.ts': applies('notes.sql'),
    'migrations/20270102000000000_tags.ts': applies('tags.sql'),
    'migrations/concurrent/20270103000000000_index.ts': applies('index.sql', 'concurrentSql'),
    'sql/notes.sql': 'create table notes ()',
    'sql/tags.sql': 'create table tags ()',
    'sql/concurrent/index.sql': 'create index concurrently notes__i on notes (i)',
  });
  const project = defineProject({ apps: [defineApp({ name: 'notes', directory })] });
  const migrations = await loadTenantMigrations(project);
  t.deepEqual(
    migrations.map(({ name, concurrent }) => [name, concurrent]),
    [
      ['20270101000000000_notes', false],
      ['20270102000000000_notes_tags', false],
      ['20270103000000000_notes_index', true],
    ],
  );
  const texts = await Promise.all(
    migrations.map(async (migration) => (await statementsOf({} as never, migration, 'up')).texts),
  );
  t.deepEqual(
    texts.map(([text]) => text?.trim().replace(/;$/, '')),
    ['create table notes ()', 'create table tags ()', 'create index concurrently notes__i on notes (i)'],
  );
  t.deepEqual(migrationsOn('site', migrations), []);
});

test('rejects two migrations with one name in the history', async (t) => {
  const one = await writeApp('twice/notes', {
    'migrations/20270101000000000_x_y.ts': applies('a.sql'),
    'sql/a.sql': 'select 1',
  });
  const other = await writeApp('twice/notes_x', {
    'migrations/20270101000000000_y.ts': applies('a.sql'),
    'sql/a.sql': 'select 1',
  });
  const project = defineProject({
    apps: [defineApp({ name: 'notes', directory: one }), defineApp({ name: 'notes_x', directory: other })],
  });
  await t.throwsAsync(
    loadTenantMigrations(project),
    invalidMigration(/are both "20270101000000000_notes_x_y"/),
  );
});

test('rejects an app whose first migration is earlier than that of an app it needs', async (t) => {
  const needed = await writeApp('needs/a', {
    'migrations/20270102000000000_a.ts': applies('a.sql'),
    'sql/a.sql': 'select 1',
  });
  const early = await writeApp('needs/b', {
    'migrations/20270101000000000_b.ts': applies('b.sql'),
    'sql/b.sql': 'select 1',
  });
  const project = defineProject({
    apps: [
      defineApp({ name: 'a', directory: needed }),
      defineApp({ name: 'b', directory: early, needs: ['a'] }),
    ],
  });
  await t.throwsAsync(
    loadTenantMigrations(project),
    invalidMigration(/"b" requires "a".*Rename it to a later time/),
  );
});

/** The keys of an app `b` to the table `people` of the app `a`, which creates it. */
const KEYS: Readonly<Record<string, string>> = {
  'of a column': 'create table pets (id bigint,\n  owner_id bigint references people (id))',
  'of a table': 'create table pets (id bigint,\n  foreign key (id) references people (id))',
  added:
    "comment on table people is 'one'; -- comments\nalter table pets add foreign key (id) references people",
  'to a renamed table': 'create table pets (id bigint,\n  owner_id bigint references persons (id))',
};

for (const [what, text] of Object.entries(KEYS)) {
  test(`rejects a foreign key ${what} to a table of an app that is not in needs`, async (t) => {
    const place = `keys/${what.replaceAll(' ', '-')}`;
    const needed = await writeApp(`${place}/a`, {
      'migrations/20270101000000000_a.ts': applies('a.sql'),
      'sql/a.sql': 'create table people (id bigint primary key); alter table people rename to persons',
    });
    const other = await writeApp(`${place}/b`, {
      'migrations/20270102000000000_b.ts': applies('b.sql'),
      'sql/b.sql': `create table owners (id bigint references owners);\n${text}`,
    });
    const projectOf = (needs: readonly string[]) =>
      defineProject({
        apps: [
          defineApp({ name: 'a', directory: needed }),
          defineApp({ name: 'b', directory: other, needs }),
        ],
      });
    await t.throwsAsync(
      loadTenantMigrations(projectOf([])),
      invalidMigration(
        /b\.sql, line 3: a foreign key of the app "b" references "(people|persons)" of the app "a"\. Add "a" to `needs` of "b" in defineApp\(\)\.$/,
      ),
    );
    t.is((await loadTenantMigrations(projectOf(['a']))).length, 2);
  });
}

test('rejects a migration without a timestamp in its name', async (t) => {
  const directory = await writeApp('name', {
    'migrations/notes.ts': applies('a.sql'),
    'sql/a.sql': 'select 1',
  });
  const project = defineProject({ apps: [defineApp({ name: 'notes', directory })] });
  await t.throwsAsync(
    loadTenantMigrations(project),
    invalidMigration(/notes\.ts: the name of a migration must be/),
  );
});

const BOTH = {
  'migrations/20270101000000000_a.ts': applies('a.sql'),
  'sql/a.sql': 'select 1',
};
const named = repositoryProject.apps.find(({ tables }) => Object.keys(tables).length > 0)?.name ?? '';

test('rejects migrations of one app in its own folder and in the repository', async (t) => {
  const cache = join(import.meta.dirname, '../../node_modules/.cache');
  await mkdir(cache, { recursive: true });
  const inside = await mkdtemp(join(cache, 'app-'));
  t.teardown(() => rm(inside, { recursive: true, force: true }));
  const directory = await writeApp(relative(folder, inside), BOTH);
  const project = defineProject({ apps: [defineApp({ name: named, directory })] });
  await t.throwsAsync(loadTenantMigrations(project), invalidMigration(/use only one of them/));
});

test('an app outside the repository can have the name of one inside', async (t) => {
  const directory = await writeApp('both', BOTH);
  const project = defineProject({ apps: [defineApp({ name: named, directory })] });
  t.deepEqual(
    (await loadTenantMigrations(project)).map(({ name }) => name),
    [`20270101000000000_${named}_a`],
  );
});
