import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { App } from '../../../src/definition/app.ts';
import { defineApp } from '../../../src/definition/define-app.ts';

/** Creates an app that has only tenant migrations, in a separate folder. */
export type MadeApp = Readonly<{ app: App; remove: () => Promise<void> }>;

export async function makeApp(name: string, migrations: readonly string[]): Promise<MadeApp> {
  const directory = await mkdtemp(join(tmpdir(), 'koa-tenants-app-'));
  await mkdir(join(directory, 'migrations'));
  for (const [index, text] of migrations.entries()) {
    await writeFile(
      join(directory, 'migrations', `299901010000001${String(index).padStart(2, '0')}_step${index}.ts`),
      `export const up = (pgm) => { pgm.sql(${JSON.stringify(text)}); };\n`,
    );
  }
  return {
    app: defineApp({ name, directory }),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
