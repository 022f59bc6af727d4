import { globSync } from 'node:fs';
import path from 'node:path';

// A process stores the compiled code of its modules in the folder NODE_COMPILE_CACHE when it ends. This one loads the
// modules of the service. Not those of the command line: parse-sql.ts sets flags of V8, which then compiles other code.
const MODULES = [
  'dist/migrations/**/*.js',
  'dist/src/project.js',
  'dist/src/{apps,http,observability,server}/**/*.js',
];

for (const file of globSync(MODULES)) {
  await import(path.resolve(file));
}
