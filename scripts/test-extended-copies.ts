/**
 * Tests that this repository can be extended: `node scripts/test-extended-copies.ts`.
 *
 * Creates two copies of it and runs types and a part of the tests in each. The first copy has one
 * more app, with foreign keys to the tables of other apps and three migrations. The second one
 * does not have the app `projects`. The last line is `N passed, N failed`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

import { startTestServer } from '../test/helpers/postgres.ts';
import { checkTypes } from '../test/helpers/type-check.ts';

const ROOT = join(import.meta.dirname, '..');

/** Folders of a checkout that are not part of the repository. */
const NOT_COPIED = new Set(['.git', 'node_modules', 'dist', '.data']);

/** Engine tests that an app could affect. All tests would take too long in CI. */
const TESTS = [
  'test/unit/**/*.test.ts',
  'test/isolation/entry.test.ts',
  'test/http/contract.test.ts',
  'test/apps/check-attack.test.ts',
  'test/structure/app-names.test.ts',
  'test/structure/openapi.test.ts',
  'test/tenancy/transfer/clone.test.ts',
  'test/tenancy/fleet/migrate.test.ts',
  'test/tenancy/fleet/migrate-targets.test.ts',
  'test/tenancy/fleet/drift.test.ts',
  'test/tenancy/fleet/spares.test.ts',
];

type Copy = Readonly<{
  folder: string;
  write: (file: string, text: string) => Promise<void>;
  edit: (file: string, change: (text: string) => string) => Promise<void>;
  remove: (file: string) => Promise<void>;
}>;

async function makeCopy(): Promise<Copy> {
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-extended-'));
  await cp(ROOT, folder, { recursive: true, filter: (path) => !NOT_COPIED.has(basename(path)) });
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const write: Copy['write'] = async (file, text) => {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  };
  return {
    folder,
    write,
    edit: async (file, change) => {
      const before = await readFile(join(folder, file), 'utf8');
      const after = change(before);
      if (after === before) {
        throw new Error(`${file} has nothing to change: this script expects another text.`);
      }
      await write(file, after);
    },
    remove: (file) => rm(join(folder, file), { recursive: true, force: true }),
  };
}

const migration = (kind: 'tenantSql' | 'concurrentSql', name: string): string => `
import { ${kind} } from '../../../src/tenancy/migrations/migration-sql.ts';

export const up = ${kind}('${name}.sql');
export const down = ${kind}('${name}-down.sql');
`;

/** Routes that only their fields describe in the OpenAPI document. */
const ROUTES = `
import { sql } from 'slonik';

import type { RouteDependencies } from '../../definition/dependencies.ts';
import { readBody } from '../../http/body/validate.ts';
import { id, relation } from '../../http/fields/relation.ts';
import { serializer } from '../../http/fields/serializer.ts';
import { text } from '../../http/fields/text.ts';
import type { List, PageContext } from '../../http/lists/list.ts';
import { numberedPages } from '../../http/lists/numbered-page.ts';
import { orderingFor } from '../../http/lists/ordering.ts';
import { createRouter, resource, sendCreated } from '../../http/resource.ts';
import { single } from '../../http/single.ts';

const fields = { id: id(), title: text({ max: 200 }), owner_id: relation(), project_id: relation() };
const task = serializer(fields, { name: 'Task' });

const GET = numberedPages(({ query }: PageContext): List<typeof task.row> => ({
  row: task.row,
  from: sql.fragment\`tasks\`,
  order: orderingFor(query, task.fields, { allowed: ['title'] }),
}));

const POST = single(
  (ctx) => {
    const { title, owner_id, project_id } = readBody(ctx, task.body);
    return sql.type(task.row)\`
      insert into tasks (title, owner_id, project_id)
      values (\${title}, \${owner_id}, \${project_id})
      returning id, title, owner_id, project_id\`;
  },
  (ctx, [row]) => sendCreated(ctx, row),
);

export function routes({ stacks }: RouteDependencies) {
  const router = createRouter();
  resource(router, '/api/tasks', stacks.paid.authenticated, { GET, POST }, { fields: task });
  return router;
}
`;

/** Adds an app as a developer would: two tables, three migrations, foreign keys to two other apps, and routes. */
async function addApp({ write, edit }: Copy): Promise<void> {
  await write(
    'src/apps/tasks/app.ts',
    `import { defineApp } from '../../definition/define-app.ts';

export const tasks = defineApp({
  name: 'tasks',
  directory: import.meta.dirname,
  needs: ['accounts', 'projects'],
  routes: () => import('./routes.ts'),
});
`,
  );
  await write('src/apps/tasks/routes.ts', ROUTES);
  await edit('src/project.ts', (text) =>
    text
      .replace(/^import \{ site \}/m, "import { tasks } from './apps/tasks/app.ts';\n$&")
      .replace(/apps: \[([^\]]*)\]/, (_, apps: string) => `apps: [${apps.trim().replace(/,$/, '')}, tasks]`),
  );
  for (const [time, name, up, down] of [
    [
      '20990101000000000',
      'tasks',
      `create table tasks (
         id bigint generated by default as identity,
         title text not null,
         owner_id bigint not null,
         project_id bigint not null,
         constraint tasks_pkey primary key (id),
         constraint tasks__owner foreign key (owner_id) references users (id) on delete cascade,
         constraint tasks__project foreign key (project_id) references projects (id) on delete restrict
       );
       create index tasks__owner_id on tasks (owner_id);
       create index tasks__project_id on tasks (project_id);`,
      'drop table tasks;',
    ],
    [
      '20990102000000000',
      'comments',
      `create table comments (
         id bigint generated by default as identity,
         task_id bigint not null,
         author_id bigint,
         constraint comments_pkey primary key (id),
         constraint comments__task foreign key (task_id) references tasks (id) on delete cascade,
         constraint comments__author foreign key (author_id) references users (id) on delete set null
       );
       create index comments__task_id on comments (task_id);
       create index comments__author_id on comments (author_id);`,
      'drop table comments;',
    ],
  ] as const) {
    await write(`migrations/tenant/tasks/${time}_${name}.ts`, migration('tenantSql', name));
    await write(`sql/tenant/tasks/${name}.sql`, up);
    await write(`sql/tenant/tasks/${name}-down.sql`, down);
  }
  await write(
    'migrations/tenant-concurrent/tasks/20990103000000000_title.ts',
    migration('concurrentSql', 'title'),
  );
  await write(
    'sql/tenant-concurrent/tasks/title.sql',
    'create index concurrently if not exists tasks__title on tasks (title)',
  );
  await write('sql/tenant-concurrent/tasks/title-down.sql', 'drop index concurrently if exists tasks__title');
}

/** Deletes the example app by the README's steps: its folders, its tests, its front end, and its line of the project. */
async function deleteProjects({ edit, remove }: Copy): Promise<void> {
  for (const folder of ['src/apps', 'migrations/tenant', 'sql/tenant', 'test/apps']) {
    await remove(`${folder}/projects`);
  }
  await remove('examples/vue');
  await remove('test/examples');
  const without = (text: string): string =>
    text.replace(/^import .*\/projects\/.*\n/gm, '').replace(/\bprojects, |, projects\b/g, '');
  await edit('src/project.ts', without);
}

/** Runs a command in a copy and returns its exit code. `onLine` is called with each line of its output. */
async function execute(
  { folder }: Copy,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void,
): Promise<number | null> {
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const output of [child.stdout, child.stderr]) {
    createInterface(output).on('line', onLine);
  }
  const [code] = await once(child, 'close');
  return code;
}

type Result = Readonly<{ passed: number; failed: number; output: readonly string[] }>;

async function testCopy(what: string, change: (copy: Copy) => Promise<void>, url: string): Promise<Result> {
  const output: string[] = [];
  const copy = await makeCopy();
  try {
    await change(copy);
    const types = await checkTypes(copy.folder);
    output.push(`${types === '' ? '  ok  ' : `${types}\nFAILED`} ${what}: types`);
    let counts: RegExpExecArray | null = null;
    const tested = await execute(
      copy,
      process.execPath,
      ['test/run.ts', '--concurrency=2', ...TESTS],
      { TEST_POSTGRES: url, TEST_POOLER: '' },
      (line) => {
        counts = /^(\d+) passed, (\d+) failed$/.exec(line) ?? counts;
        if (!line.startsWith('  ok  ')) {
          output.push(line);
        }
      },
    );
    const [, good = '0', bad = '1'] = counts ?? [];
    output.push(`${tested === 0 ? '  ok  ' : 'FAILED'} ${what}: ${good} tests passed, ${bad} failed`);
    return {
      passed: Number(good) + (types === '' ? 1 : 0),
      failed: Math.max(Number(bad), tested === 0 ? 0 : 1) + (types === '' ? 0 : 1),
      output,
    };
  } finally {
    await copy.remove('.');
  }
}

let passed = 0;
let failed = 0;
const server = await startTestServer();
try {
  // At the same time, because their files wait more than they compute.
  const results = await Promise.all([
    testCopy('with one more app', addApp, server.url),
    testCopy('without projects', deleteProjects, server.url),
  ]);
  for (const result of results) {
    console.log(result.output.join('\n'));
    passed += result.passed;
    failed += result.failed;
  }
} finally {
  await server.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
