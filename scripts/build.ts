import { execFileSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import path from 'node:path';

import { project } from '../src/project.ts';
import { buildConsole } from './build-console.ts';
import { bundleService } from './bundle-service.ts';
import { writeClientTypes } from './client-types.ts';
import { copySwaggerUi } from './copy-swagger-ui.ts';

// dist/ contains what the service needs to run without type stripping: compiled sources, compiled migrations, and
// their SQL and fixtures.
rmSync('dist', { recursive: true, force: true });
// `npm run check` checks the types, which takes as long as the rest of this build. Several checkers, and Go's garbage
// collection, would take twice the CPU time.
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json', '--noCheck', '--checkers', '1'], {
  stdio: 'inherit',
  env: { ...process.env, GOGC: 'off' },
});
// The commands of development are loaded only where they exist. The service must not contain them.
rmSync('dist/src/dev', { recursive: true });
await bundleService(path.resolve('dist'));
cpSync('sql', 'dist/sql', { recursive: true });
await writeClientTypes(project, 'dist/client');
cpSync('fixtures', 'dist/fixtures', { recursive: true });
copySwaggerUi('dist/swagger-ui');
await buildConsole(path.resolve('dist/console'));
