import { readFile } from 'node:fs/promises';

import { ifThere } from './if-there.ts';

/** What a file says, without the white space around it; undefined when there is no file. */
export const readText = async (file: string): Promise<string | undefined> =>
  (await ifThere(readFile(file, 'utf8')))?.trim();
