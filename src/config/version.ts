import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';

/** package.json is two folders above the sources, and three above the build in dist/. */
const file = ['../..', '../../..']
  .map((up) => path.resolve(import.meta.dirname, up, 'package.json'))
  .find((candidate) => existsSync(candidate));

/** Returns the version of this release. */
export const readVersion = (): string =>
  z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file ?? '', 'utf8'))).version;
