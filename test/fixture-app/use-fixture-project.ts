/**
 * Makes a program of src/ use the fixture project: `node --import=<this file> src/cli.ts migrate`.
 *
 * The tests start src/cli.ts and src/main.ts, whose project is src/project.ts. Here that module
 * resolves to test/fixture-app/project.ts of the same copy of the repository, with `?served` at the
 * end of this file's URL to served-project.ts.
 */
import { registerHooks } from 'node:module';

const file = import.meta.url.endsWith('?served') ? 'served-project.ts' : 'project.ts';

registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context);
    return resolved.url.endsWith('/src/project.ts')
      ? { ...resolved, url: new URL(`../test/fixture-app/${file}`, resolved.url).href }
      : resolved;
  },
});
