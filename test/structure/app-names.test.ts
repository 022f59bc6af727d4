import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

import { project } from '../../src/project.ts';
import { loadTenantMigrations } from '../../src/tenancy/migrations/tenant-migrations.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** The engine: it knows apps as values only. */
const ENGINE = ['src/tenancy', 'src/db', 'src/http', 'src/attacks', 'src/server', 'src/cli/framework'];

/** Names that are words of the engine too. */
const COMMON = new Set(['sessions', 'projects', 'users']);

async function readSources(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(path.join(ROOT, folder), { recursive: true });
  const files = entries.filter((entry) => entry.endsWith('.ts'));
  return new Map(
    await Promise.all(
      files.map(
        async (file) => [`${folder}/${file}`, await readFile(path.join(ROOT, folder, file), 'utf8')] as const,
      ),
    ),
  );
}

test('the engine names no table, constraint, setting, migration or model of an app', async (t) => {
  const names = [
    ...project.apps.flatMap(({ tables, violations, settings, environment }) => [
      ...Object.keys(tables).filter((name) => !COMMON.has(name)),
      ...Object.values(tables).flatMap(({ model }) => model ?? []),
      ...Object.keys({ ...violations, ...settings, ...environment }),
    ]),
    ...(await loadTenantMigrations(project)).map(({ name }) => name),
  ];
  t.true(names.length > 30);
  const found: string[] = [];
  for (const folder of ENGINE) {
    for (const [file, text] of await readSources(folder)) {
      for (const name of names) {
        if (new RegExp(`(?<![\\w.-])${name.replaceAll('.', '\\.')}(?![\\w-])`).test(text)) {
          found.push(`${file}: ${name}`);
        }
      }
    }
  }
  t.deepEqual(found, []);
});

test('the engine reads no table of an app', async (t) => {
  const tables = project.apps.flatMap((app) => Object.keys(app.tables));
  const statement = new RegExp(`\\b(?:from|join|into|update|table)\\s+(?:${tables.join('|')})\\b`, 'i');
  const found: string[] = [];
  for (const folder of ENGINE) {
    for (const [file, text] of await readSources(folder)) {
      if (statement.test(text)) {
        found.push(file);
      }
    }
  }
  t.deepEqual(found, []);
});
