/**
 * Loaded by ava's main process: replaces how ava starts a process for a test file, and its TAP reporter.
 */
import { registerHooks } from 'node:module';

const REPLACED: Readonly<Record<string, Readonly<{ by: string; file: string }>>> = {
  './fork.js': { by: '/ava/lib/api.js', file: 'fork.ts' },
  './reporters/tap.js': { by: '/ava/lib/cli.js', file: 'tap-reporter.ts' },
};

registerHooks({
  resolve: (specifier, context, next) => {
    const replaced = REPLACED[specifier];
    return replaced && context.parentURL?.endsWith(replaced.by)
      ? { url: new URL(replaced.file, import.meta.url).href, shortCircuit: true }
      : next(specifier, context);
  },
});
