/** Loaded by ava's main process: replaces how ava starts a process for a test file. */
import { registerHooks } from 'node:module';

const FORK = new URL('fork.ts', import.meta.url).href;

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === './fork.js' && context.parentURL?.endsWith('/ava/lib/api.js')
      ? { url: FORK, shortCircuit: true }
      : next(specifier, context),
});
