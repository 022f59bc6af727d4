import { readFile } from 'node:fs/promises';

import { undefinedIfMissing } from './undefined-if-missing.ts';

/** Returns the trimmed content of a file, or undefined when it does not exist. */
export const readText = async (file: string): Promise<string | undefined> =>
  (await undefinedIfMissing(readFile(file, 'utf8')))?.trim();
