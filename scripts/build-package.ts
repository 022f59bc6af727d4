import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

import { buildConsole } from './build-console.ts';
import { copySwaggerUi } from './copy-swagger-ui.ts';

/** Published apps. Others belong to this repository only. tsconfig.package.json also lists their migrations. */
const APPS = new Set(['accounts', 'idempotency', 'site']);

// dist/ of the package contains JavaScript and declarations of its entries and their imports, the migrations, and
// their SQL.
mkdirSync('dist', { recursive: true });
for (const name of readdirSync('dist')) {
  // buildConsole() replaces dist/console if its sources have changed. `console.lock` and `console-<pid>` are those of another
  // process that builds it now.
  if (!name.startsWith('console')) {
    rmSync(path.join('dist', name), { recursive: true });
  }
}
// `npm run check` checks the types, which takes as long as the rest of this build. Several checkers, and Go's garbage
// collection, would take twice the CPU time.
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.package.json', '--noCheck', '--checkers', '1'], {
  stdio: 'inherit',
  env: { ...process.env, GOGC: 'off' },
});
// Migrations are loaded by their extension and never imported.
for (const file of globSync('dist/migrations/**/*.d.ts')) {
  rmSync(file);
}
cpSync('sql', 'dist/sql', {
  recursive: true,
  filter: (source) => {
    const [, folder, app] = source.split(path.sep);
    return (
      !source.endsWith('.md') && (folder?.startsWith('tenant') ? app === undefined || APPS.has(app) : true)
    );
  },
});
copySwaggerUi('dist/swagger-ui');
await buildConsole(path.resolve('dist/console'));
