import { readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';

import { pieceLength } from './split-statements.ts';

const SQL = path.resolve(import.meta.dirname, '../../../sql');

/** Lists that are variables of the files which need them: `:'hardened'` is the text of hardened.txt. */
const LISTS = ['hardened', 'extensions'];

const PLACEHOLDER = /:(["'])(\w+)\1/y;
/** What a text with a placeholder contains. It may be part of a literal. */
const MAYBE_PLACEHOLDER = /:(["'])\w+\1/;

/**
 * Replaces psql's placeholders: `:"name"` becomes a quoted identifier, `:'name'` a
 * quoted literal. As in psql, literals, quoted names, dollar quotes and comments
 * are left alone.
 *
 * @param file named in the error
 * @throws TypeError for a variable that is not given
 */
export function fillPlaceholders(
  text: string,
  variables: Readonly<Record<string, string>>,
  file: string,
): string {
  // Most files have none, and the service reads all of them when it starts.
  if (!MAYBE_PLACEHOLDER.test(text)) {
    return text;
  }
  let filled = '';
  for (let at = 0; at < text.length; ) {
    // A cast to a quoted type is not a placeholder.
    if (text.startsWith('::', at)) {
      filled += '::';
      at += 2;
      continue;
    }
    PLACEHOLDER.lastIndex = at;
    const [whole, quote, name = ''] = PLACEHOLDER.exec(text) ?? [];
    if (whole !== undefined) {
      const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (value === undefined) {
        throw new TypeError(`sql/${file} requires the variable "${name}".`);
      }
      filled += quote === '"' ? pg.escapeIdentifier(value) : pg.escapeLiteral(value);
      at += whole.length;
      continue;
    }
    // The rest is an unterminated literal or comment, which PostgreSQL will report.
    const length = pieceLength(text, at) || text.length - at;
    filled += text.slice(at, at + length);
    at += length;
  }
  return filled;
}

/**
 * Returns the text of a file under sql/, with its placeholders replaced. `:'hardened'` is the text of
 * sql/hardened.txt, and `:'extensions'` that of sql/extensions.txt.
 *
 * @throws TypeError if the file names a variable that is not given
 */
export async function readSqlFile(
  file: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const text = await readFile(path.resolve(SQL, file), 'utf8');
  const lists: Record<string, string> = {};
  for (const list of LISTS) {
    if (text.includes(`:'${list}'`)) {
      lists[list] = await readFile(path.join(SQL, `${list}.txt`), 'utf8');
    }
  }
  return fillPlaceholders(text, { ...lists, ...variables }, file);
}
