import { globSync } from 'node:fs';
import path from 'node:path';

// A process stores the compiled code of its modules in the folder NODE_COMPILE_CACHE when it ends. This one loads the
// bundle of the service, except the parser: it sets flags of V8, which then compiles other code.
const MODULES = { include: 'dist/service/*.js', exclude: 'dist/service/parse-sql-*.js' };

for (const file of globSync(MODULES.include, { exclude: [MODULES.exclude] })) {
  await import(path.resolve(file));
}
