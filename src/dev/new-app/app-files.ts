import { appFile, fieldsFile } from './app-file.ts';
import type { NewApp } from './layout.ts';
import { queriesFile } from './queries-file.ts';
import { routesFile } from './routes-file.ts';
import { migration, sqlDown, sqlUp } from './sql-files.ts';
import { testFile } from './test-file.ts';

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
