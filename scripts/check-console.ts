import { createRequire, registerHooks } from 'node:module';
import path from 'node:path';

import { project } from '../src/project.ts';
import { writeClientTypes } from './client-types.ts';
import { assertPageListsAreFound } from './console-page-lists.ts';

// Checks the types of the console against the API of this project: npm run console:types.
const ROOT = path.join(import.meta.dirname, '..');
const CONSOLE = path.join(ROOT, 'console');
assertPageListsAreFound(ROOT);
await writeClientTypes(project, path.join(CONSOLE, 'src/api/generated'));

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier.replace(/^typescript(?=\/|$)/, 'typescript-5'), context),
});
const require = createRequire(import.meta.url);
const { run } = require('vue-tsc') as { run: (compiler: string) => void };
process.argv.push('-p', CONSOLE);
run(require.resolve('typescript-5/lib/tsc'));
