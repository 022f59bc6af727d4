import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

import type { CliCommand } from '../cli/framework/command.ts';
import { type DomainError, OperatorError } from '../errors.ts';
import { loadTenantMigrations } from '../tenancy/migrations/tenant-migrations.ts';
import type { TenancyProject } from '../tenancy/registry/project.ts';
import { appFiles } from './new-app/app-files.ts';
import { layoutOf, type NewApp } from './new-app/layout.ts';
import { isReserved, namesOf } from './new-app/names.ts';

const NAME = /^[a-z][a-z0-9_]{1,39}$/;

const invalid = (message: string): DomainError => new OperatorError('usage_invalid', message);

/** @throws OperatorError `usage_invalid` for a name that cannot be that of a new app */
function assertUsable(name: string, { apps }: TenancyProject): void {
  if (!NAME.test(name)) {
    throw invalid(
      `"${name}" is not a valid app name. Use 2 to 40 lowercase letters, digits and underscores, starting with a letter.`,
    );
  }
  if (isReserved(name)) {
    throw invalid(`"${name}" is a reserved word of SQL or TypeScript. Choose another name.`);
  }
  if (apps.some((app) => app.name === name)) {
    throw invalid(`The project already has an app "${name}". Choose another name.`);
  }
  const owner = apps.find(({ tables }) => Object.hasOwn(tables, name));
  if (owner) {
    throw invalid(`The app "${owner.name}" already has a table "${name}". Choose another name.`);
  }
}

/** Returns the time of a new migration: now, or one second after the last migration of the project. */
async function timeOfMigration(project: TenancyProject, now: Date): Promise<string> {
  const digits = (date: Date): string => date.toISOString().replaceAll(/\D/g, '');
  const last = (await loadTenantMigrations(project)).at(-1)?.name.slice(0, 17) ?? '';
  if (digits(now) > last) {
    return digits(now);
  }
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})/.exec(last) ?? [];
  const [year = 0, month = 1, ...rest] = parts.map(Number);
  return digits(new Date(Date.UTC(year, month - 1, ...rest) + 1_000));
}

/** Returns src/project.ts with one more app, or null when its list of apps has another form. */
function registerApp(text: string, { name, from }: Readonly<{ name: string; from: string }>): string | null {
  const { app } = namesOf(name);
  if (new RegExp(`\\b${app}\\b`).test(text.replaceAll(/'[^'\n]*'/g, ''))) {
    throw invalid(`src/project.ts already uses the name "${app}". Choose another name.`);
  }
  const lastImport = [...text.matchAll(/^import .*;$/gm)].at(-1);
  const list = /\bapps: \[([^\]]*)\]/.exec(text);
  if (!lastImport || !list) {
    return null;
  }
  const at = lastImport.index + lastImport[0].length;
  const apps = `apps: [${(list[1] ?? '').trim().replace(/,$/, '')}, ${app}]`;
  return `${text.slice(0, at)}\nimport { ${app} } from '${from}';${text.slice(at).replace(list[0], apps)}`;
}

/** Formats files with the repository's Biome, where there is one: the length of the name decides about lines. */
async function format(root: string, files: readonly string[]): Promise<void> {
  const biome = path.join(root, 'node_modules/.bin/biome');
  if (existsSync(path.join(root, 'biome.json')) && existsSync(biome)) {
    const typescript = files.filter((file) => file.endsWith('.ts'));
    await promisify(execFile)(biome, ['check', '--write', ...typescript], { cwd: root });
  }
}

/**
 * Writes a new app with one table into the repository in `root`: SQL, migration, fields, queries, routes, a test, and its
 * line in src/project.ts.
 *
 * @returns the files that were written, and whether src/project.ts lists the app
 * @throws OperatorError `usage_invalid` before anything is written
 */
export async function createApp(
  root: string,
  name: string,
  project: TenancyProject,
  now: Date,
): Promise<Readonly<{ files: readonly string[]; registered: boolean; app: NewApp }>> {
  assertUsable(name, project);
  const layout = layoutOf(root, name);
  const app: NewApp = { name, layout, time: await timeOfMigration(project, now) };
  const files = appFiles(app);
  const taken = [layout.app, ...files.keys()].find((file) => existsSync(path.join(root, file)));
  if (taken !== undefined) {
    throw invalid(`${taken} already exists. Choose another name, or delete it.`);
  }

  const projectFile = 'src/project.ts';
  const registered = existsSync(path.join(root, projectFile))
    ? registerApp(await readFile(path.join(root, projectFile), 'utf8'), {
        name,
        from: `./${path.posix.relative('src', layout.app)}/app.ts`,
      })
    : null;

  for (const [file, text] of [
    ...files,
    ...(registered === null ? [] : [[projectFile, registered] as const]),
  ]) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  }
  const written = [...files.keys(), ...(registered === null ? [] : [projectFile])];
  await format(root, written);
  return { files: written, registered: registered !== null, app };
}

export const newAppCommand: CliCommand = {
  name: 'new-app',
  summary: 'Create a new app with one table, its routes and a test.',

  declare: (parser) => parser.argument('<name>', 'a plural noun, such as notes'),

  async run(_options, { project, print }, [name = '']) {
    const { files, registered, app } = await createApp(path.resolve('.'), name, project, new Date());
    const { layout } = app;
    for (const file of files) {
      print(`  ${file}`);
    }
    print('');
    print('Next:');
    if (!registered) {
      print(`  Add the app to defineProject: import { ${namesOf(name).app} } from '…/${name}/app.ts'.`);
    }
    print(`  1. Edit the columns in ${layout.sql}/${name}.sql and the fields in ${layout.app}/fields.ts.`);
    print(`  2. Run its test: ${layout.testCommand}`);
    print(`  3. Create the table in every tenant: ${layout.migrateCommand}`);
    print(`  4. Serve it, with its documentation at /api/docs/: ${layout.devCommand}`);
  },
};
