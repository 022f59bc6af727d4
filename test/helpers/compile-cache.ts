import { join } from 'node:path';

/**
 * Returns the environment with which Node stores the code of compiled modules, and the JavaScript of TypeScript files, in
 * the `node_modules` of a repository. Otherwise each of hundreds of processes strips the types of the same files again.
 *
 * Portable: a copy of the repository that links to its `node_modules` uses what the repository's own processes stored.
 */
export const compileCacheOf = (folder: string): Readonly<Record<string, string>> => ({
  NODE_COMPILE_CACHE: join(folder, 'node_modules/.cache/compiled'),
  NODE_COMPILE_CACHE_PORTABLE: '1',
});
