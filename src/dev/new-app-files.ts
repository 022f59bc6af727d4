import { existsSync } from 'node:fs';
import path from 'node:path';

/** Where the files of an app are, relative to the repository. */
export type Layout = Readonly<{
  /** Whether the repository is that of koa-tenants itself. Others import the package. */
  ofEngine: boolean;
  app: string;
  sql: string;
  migrations: string;
  test: string;
  testCommand: string;
  migrateCommand: string;
  devCommand: string;
}>;

export type NewApp = Readonly<{ name: string; layout: Layout; time: string }>;

export function layoutOf(root: string, name: string): Layout {
  if (existsSync(path.join(root, 'src/definition/define-app.ts'))) {
    const test = `test/apps/${name}/${name}.test.ts`;
    return {
      ofEngine: true,
      app: `src/apps/${name}`,
      sql: `sql/tenant/${name}`,
      migrations: `migrations/tenant/${name}`,
      test,
      testCommand: `node_modules/.bin/node test/run.ts ${test}`,
      migrateCommand: 'make migrate',
      devCommand: 'make dev',
    };
  }
  const test = `test/${name}.test.ts`;
  return {
    ofEngine: false,
    app: `src/${name}`,
    sql: `src/${name}/sql`,
    migrations: `src/${name}/migrations`,
    test,
    testCommand: `node --test ${test}`,
    migrateCommand: 'npx tenants migrate',
    devCommand: 'npx tenants dev',
  };
}

/** Reserved words of PostgreSQL, and those that are no names of variables in a module of TypeScript. */
const RESERVED = new Set(
  `all analyse analyze and any array as asc asymmetric authorization between binary both case cast check collate
  collation column concurrently constraint create cross current_catalog current_date current_role current_schema
  current_time current_timestamp current_user default deferrable desc distinct do else end except exists false fetch for
  foreign freeze from full grant group grouping having ilike in initially inner intersect into is isnull join lateral
  leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer overlaps
  placing primary references returning right row select session_user similar some symmetric system_user table
  tablesample then to trailing true union unique user using values variadic verbose when where window with xmltable
  arguments await break catch class const continue debugger delete enum eval export extends finally function if
  implements import instanceof interface let new package private protected public return static super switch this throw
  try typeof undefined var void while yield`.split(/\s+/),
);

/** Whether an app must not have this name: its table or its variables would not compile. */
export const isReserved = (name: string): boolean =>
  RESERVED.has(name) || Object.values(MODULES).flat().includes(camelCase(name));

/** Names that the written files use for something else. */
const USED = new Set([
  'columns',
  'context',
  'ctx',
  'datetime',
  'id',
  'limits',
  'project',
  'query',
  'router',
  'routes',
  'serializer',
  'sql',
  'state',
  'text',
  'title',
  'tx',
  'z',
]);

const capitalized = (name: string): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

const camelCase = (name: string): string =>
  name
    .split('_')
    .filter((word) => word !== '')
    .map((word, index) => (index === 0 ? word : capitalized(word)))
    .join('');

/** Returns the noun for one row of a table: `notes` has a note, `time_entries` a time_entry. */
export function singularOf(name: string): string {
  if (name.endsWith('ies') && name.length > 4) {
    return `${name.slice(0, -3)}y`;
  }
  if (/(?:ss|x|zz|ch|sh)es$/.test(name)) {
    return name.slice(0, -2);
  }
  return /[^su_]s$/.test(name) ? name.slice(0, -1) : name;
}

/** The names of an app in TypeScript, in paths and in fixtures. */
export function namesOf(name: string) {
  const singular = singularOf(name);
  const variable = camelCase(singular);
  const row = singular === name || USED.has(variable) || isReserved(variable) ? `${variable}Row` : variable;
  return {
    app: camelCase(name),
    /** The serializer. */
    row,
    /** The type of a row. */
    Row: capitalized(row),
    model: `${name}.${singular}`,
    path: `/api/${name.replaceAll('_', '-')}`,
  };
}

/** The modules of the engine's repository, relative to src/, and what the files import from them. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  'definition/define-app.ts': ['defineApp', 'type RouteDependencies'],
  'http/body/validate.ts': ['readBody'],
  'http/fields/date.ts': ['datetime'],
  'http/fields/field.ts': ['readOnly'],
  'http/fields/relation.ts': ['id'],
  'http/fields/serializer.ts': ['serializer'],
  'http/fields/text.ts': ['text'],
  'http/identifier.ts': ['orNotFound', 'parseIdentifier'],
  'http/lists/list.ts': ['columnsOf', 'type List', 'type PageContext'],
  'http/lists/numbered-page.ts': ['numberedPages'],
  'http/lists/ordering.ts': ['orderingFor'],
  'http/lists/search.ts': ['searchFor'],
  'http/resource.ts': ['createRouter', 'resource', 'sendCreated'],
  'http/single.ts': ['single'],
  'http/state.ts': ['type State'],
  'tenancy/migrations/migration-sql.ts': ['tenantSql'],
};

const importFrom = (symbols: readonly string[], from: string): string =>
  symbols.every((symbol) => symbol.startsWith('type '))
    ? `import type { ${symbols.map((symbol) => symbol.slice(5)).join(', ')} } from '${from}';`
    : `import { ${symbols.join(', ')} } from '${from}';`;

/** Returns the imports of a file: from the modules of the engine's repository, or from the package. */
function imports({ ofEngine }: Layout, symbols: readonly string[], toSource: string): string {
  if (!ofEngine) {
    return importFrom(symbols, 'koa-tenants');
  }
  return Object.entries(MODULES)
    .map(([module, all]) => [module, symbols.filter((symbol) => all.includes(symbol))] as const)
    .filter(([, used]) => used.length > 0)
    .map(([module, used]) => importFrom(used, `${toSource}/${module}`))
    .join('\n');
}

const sqlUp = ({ name }: NewApp): string => `-- ${name}.sql: the ${name} of one tenant.

create table ${name} (
  id bigint generated by default as identity,
  title text not null,
  created_at timestamptz not null default now(),
  constraint ${name}_pkey primary key (id),
  constraint ${name}__title_length check (length(title) between 1 and 200)
);

create index ${name}__created_at on ${name} (created_at, id);
`;

const sqlDown = ({ name }: NewApp): string => `-- ${name}-down.sql: undoes ${name}.sql, and deletes its rows.

drop table ${name};
`;

const migration = ({ name, layout }: NewApp): string => `${imports(layout, ['tenantSql'], '../../../src')}

export const up = tenantSql('${name}.sql');
export const down = tenantSql('${name}-down.sql');
`;

function appFile({ name, layout }: NewApp): string {
  const { app, model } = namesOf(name);
  return `${imports(layout, ['defineApp'], '../..')}

export const ${app} = defineApp({
  name: '${name}',
  directory: import.meta.dirname,
  tables: { ${name}: { model: '${model}' } },
  routes: () => import('./routes.ts'),
});
`;
}

function fieldsFile({ name, layout }: NewApp): string {
  const { row, Row } = namesOf(name);
  return `${layout.ofEngine ? "import type { z } from 'zod';\n\n" : ''}${imports(
    layout,
    ['datetime', 'id', 'readOnly', 'serializer', 'text'],
    '../..',
  )}${layout.ofEngine ? '' : "\nimport type { z } from 'zod';"}

export const ${row} = serializer(
  {
    id: id(),
    title: text({ max: 200 }),
    created_at: readOnly(datetime()),
  },
  { name: '${Row}' },
);

export type ${Row} = z.output<typeof ${row}.row>;
export type New${Row} = z.output<typeof ${row}.body>;
export type ${Row}Changes = z.output<typeof ${row}.partialBody>;
`;
}

function queriesFile({ name, layout }: NewApp): string {
  const { row, Row } = namesOf(name);
  const engine = imports(
    layout,
    ['columnsOf', 'type List', 'orderingFor', 'type PageContext', 'searchFor'],
    '../..',
  );
  const libraries = `import { sql } from 'slonik';
import { z } from 'zod';
`;
  return `${layout.ofEngine ? `${libraries}\n${engine}` : `${engine}\n${libraries}`}
import { type New${Row}, type ${Row}Changes, ${row} } from './fields.ts';

const columns = columnsOf(${row}.row);

/** The rows that a request lists, with its search and its order. */
export const ${row}List = ({ query, state: { limits } }: PageContext): List<typeof ${row}.row> => ({
  row: ${row}.row,
  from: sql.fragment\`${name}\`,
  where: [searchFor(query, ['title'], { limits })],
  order: orderingFor(query, ${row}.fields, { allowed: ['title', 'created_at'], standard: ['-created_at'] }),
});

export const select${Row} = (id: string) => sql.type(${row}.row)\`
  select \${columns}
  from ${name}
  where id = \${id}::bigint
\`;

export const insert${Row} = ({ title }: New${Row}) => sql.type(${row}.row)\`
  insert into ${name} (title)
  values (\${title})
  returning \${columns}
\`;

/** Changes the fields that are given. Returns the row, or none when it does not exist. */
export const update${Row} = (id: string, { title }: ${Row}Changes) => sql.type(${row}.row)\`
  update ${name}
  set title = coalesce(\${title ?? null}::text, title)
  where id = \${id}::bigint
  returning \${columns}
\`;

/** Returns the id of the deleted row, or none when it did not exist. */
export const delete${Row} = (id: string) => sql.type(z.object({ id: ${row}.row.shape.id }))\`
  delete from ${name}
  where id = \${id}::bigint
  returning id
\`;
`;
}

function routesFile({ name, layout }: NewApp): string {
  const { row, Row, path: url } = namesOf(name);
  const engine = imports(
    layout,
    [
      'createRouter',
      'numberedPages',
      'orNotFound',
      'parseIdentifier',
      'type RouteDependencies',
      'readBody',
      'resource',
      'sendCreated',
      'single',
      ...(layout.ofEngine ? ['type State'] : []),
    ],
    '../..',
  );
  return `${layout.ofEngine ? "import type Router from '@koa/router';\n\n" : ''}${engine}
import { ${row} } from './fields.ts';
import { delete${Row}, insert${Row}, ${row}List, select${Row}, update${Row} } from './queries.ts';

export function routes({ stacks }: RouteDependencies)${layout.ofEngine ? ': Router<State>' : ''} {
  // The caller is a logged-in user of the tenant.
  const { authenticated } = stacks.paid;
  const router = createRouter();

  // The last argument describes the path in the OpenAPI document: /api/docs/.
  resource(
    router,
    '${url}',
    authenticated,
    {
      GET: numberedPages(${row}List),
      POST: single(
        (ctx) => insert${Row}(readBody(ctx, ${row}.body)),
        (ctx, [row]) => sendCreated(ctx, row),
      ),
    },
    { fields: ${row} },
  );

  resource(
    router,
    '${url}/:id',
    authenticated,
    {
      GET: single(
        (ctx) => select${Row}(parseIdentifier(ctx.params.id)),
        (ctx, [row]) => {
          ctx.body = orNotFound(row);
        },
      ),
      // Two statements, in one transaction inside the tenant: a missing row is 404, also with an invalid body.
      PATCH: async (ctx) => {
        const { tx } = ctx.state;
        const id = parseIdentifier(ctx.params.id);
        orNotFound(await tx.maybeOne(select${Row}(id)));
        ctx.body = orNotFound(await tx.maybeOne(update${Row}(id, readBody(ctx, ${row}.partialBody))));
      },
      DELETE: single(
        (ctx) => delete${Row}(parseIdentifier(ctx.params.id)),
        (ctx, [row]) => {
          orNotFound(row);
          ctx.status = 204;
        },
      ),
    },
    { fields: ${row} },
  );

  return router;
}
`;
}

function testFile({ name, layout }: NewApp): string {
  const { path: url } = namesOf(name);
  const [head, equal, deepEqual, argument] = layout.ofEngine
    ? [
        `/** Run alone: ${layout.testCommand} */
import test from 'ava';

import { project } from '../../../src/project.ts';
import { openTestTenancy, type TestTenancy } from '../../../src/testing/index.ts';

let tenancy: TestTenancy;
test.before(async () => {
  tenancy = await openTestTenancy({ project });
});
test.after.always(() => tenancy?.close());`,
        't.is',
        't.deepEqual',
        't',
      ]
    : [
        `import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openTestTenancy } from 'koa-tenants/testing';

import { project } from '../src/project.ts';

const tenancy = await openTestTenancy({ project });
after(() => tenancy.close());`,
        'assert.equal',
        'assert.deepEqual',
        '',
      ];
  return `${head}

test('a user creates, finds, changes and deletes a row', async (${argument}) => {
  const ada = await tenancy.acme.createUser('ada');
  const created = await ada.post('${url}/', { title: 'First' });
  ${equal}(created.status, 201);
  const path = \`${url}/\${created.body.id}/\`;

  ${equal}((await ada.get('${url}/?search=FIRST')).body.count, 1);
  ${equal}((await ada.get('${url}/?search=second')).body.count, 0);
  ${equal}((await ada.patch(path, { title: 'Changed' })).body.title, 'Changed');
  ${deepEqual}((await ada.post('${url}/', {})).body, { title: ['This field is required.'] });
  ${equal}((await ada.delete(path)).status, 204);
  ${equal}((await ada.get(path)).status, 404);
});

test('a tenant has no access to the rows of another', async (${argument}) => {
  const bob = await tenancy.acme.createUser('bob');
  const eve = await tenancy.globex.createUser('eve');
  const { body } = await bob.post('${url}/', { title: 'Secret' });

  ${equal}((await bob.get(\`${url}/\${body.id}/\`)).status, 200);
  ${equal}((await eve.get(\`${url}/\${body.id}/\`)).status, 404);
  ${equal}((await eve.get('${url}/')).body.count, 0);
  ${equal}((await tenancy.globex.anonymous.get('${url}/')).status, 401);
});
`;
}

/** Returns the files of a new app: path in the repository, and text. */
export function appFiles(app: NewApp): ReadonlyMap<string, string> {
  const { name, time, layout } = app;
  return new Map([
    [`${layout.sql}/${name}.sql`, sqlUp(app)],
    [`${layout.sql}/${name}-down.sql`, sqlDown(app)],
    [`${layout.migrations}/${time}_${name}.ts`, migration(app)],
    [`${layout.app}/app.ts`, appFile(app)],
    [`${layout.app}/fields.ts`, fieldsFile(app)],
    [`${layout.app}/queries.ts`, queriesFile(app)],
    [`${layout.app}/routes.ts`, routesFile(app)],
    [layout.test, testFile(app)],
  ]);
}
