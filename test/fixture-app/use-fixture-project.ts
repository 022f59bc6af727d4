/**
 * Makes a program of src/ use the fixture project: `node --import=<this file> src/cli.ts migrate`.
 *
 * The tests start src/cli.ts and src/main.ts, whose project is src/project.ts. Here that module
 * resolves to test/fixture-app/project.ts of the same copy of the repository.
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context);
    return resolved.url.endsWith('/src/project.ts')
      ? { ...resolved, url: new URL('../test/fixture-app/project.ts', resolved.url).href }
      : resolved;
  },
});
