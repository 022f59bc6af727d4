import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { OperatorError } from '../src/errors.ts';

/** The files that console/src/router/pages.ts finds, without itself. */
const FOUND = /^console\/src\/(?!router\/)[^/]+\/pages\.ts$/;
const LOADER = 'console/src/router/pages.ts';
const EXPORT = /^export (?:const pages\b|\{[^}]*\bpages\b)/m;

const isList = (file: string, text: string): boolean =>
  (file.startsWith('console/') && /\/pages\.\w+$/i.test(file)) ||
  (EXPORT.test(text) && /\bConsolePage\b/.test(text));

function problemOf(file: string, text: string): string | null {
  if (file === LOADER) {
    return null;
  }
  if (FOUND.test(file)) {
    return EXPORT.test(text)
      ? null
      : `${file} does not export "pages", so the console would not have its pages.`;
  }
  return isList(file, text)
    ? `The console would not have the pages of ${file}. Move them to console/src/<subject>/pages.ts: the console reads a file pages.ts of each folder of console/src, except router.`
    : null;
}

/**
 * Checks that the console finds every list of pages in a repository: one in another folder, or with another name, would
 * be ignored.
 *
 * @throws OperatorError `project_invalid`, with a sentence for each file that would be ignored
 */
export function assertPageListsAreFound(root: string): void {
  const problems = globSync('{console,src}/**/*.{ts,mts,tsx,js,mjs,jsx,vue}', {
    cwd: root,
    exclude: ['**/node_modules/**', 'console/src/api/generated/**'],
  })
    .map((file) => file.replaceAll(path.sep, '/'))
    .sort()
    .flatMap((file) => problemOf(file, readFileSync(path.join(root, file), 'utf8')) ?? []);
  if (problems.length > 0) {
    throw new OperatorError('project_invalid', problems.join('\n'));
  }
}
