import { createHash } from 'node:crypto';
import path from 'node:path';

import { pieceLength } from '../../db/sql/split-statements.ts';
import type { SqlFile } from './tenant-migrations.ts';

const ROOT = path.resolve(import.meta.dirname, '../../..');

/** Returns the path of a file as messages name it: from the repository's folder if it is inside. */
export const displayPath = (file: string): string => {
  const relative = path.relative(ROOT, file);
  return relative.startsWith('..') ? file : relative;
};

const COMMENT = /^(?:--|\/\*)/;
const SPACE = /^\s+$/;

/**
 * Returns a text without what does not change its result: line endings, comments, and white space
 * outside literals and function bodies.
 */
function withoutComments(given: string): string {
  const text = given.replaceAll('\r\n', '\n');
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    const length = pieceLength(text, at) || text.length - at;
    const piece = text.slice(at, at + length);
    at += length;
    if (!COMMENT.test(piece) && !SPACE.test(piece)) {
      pieces.push(piece);
    } else if (pieces.at(-1) !== ' ') {
      pieces.push(' ');
    }
  }
  return pieces.join('').trim();
}

/** Returns a digest of the SQL files of a migration, in the order in which they are applied. */
export function digestOfFiles(files: readonly SqlFile[]): string {
  const hash = createHash('sha256');
  for (const { text } of files) {
    hash.update(withoutComments(text)).update('\0');
  }
  return hash.digest('hex').slice(0, 32);
}
