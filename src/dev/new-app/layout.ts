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
