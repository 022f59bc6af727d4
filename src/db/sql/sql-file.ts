import { readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';

const SQL = path.resolve(import.meta.dirname, '../../../sql');

/** Functions and views that hardening takes from PUBLIC. A variable of the two files that need it. */
const HARDENED = 'hardened.txt';

/**
 * Returns the text of a file under sql/, with psql's placeholders filled in:
 * `:"name"` becomes a quoted identifier, `:'name'` a quoted literal. `:'hardened'`
 * is the text of sql/hardened.txt.
 *
 * @throws when the file names a variable that was not given: better than SQL with a hole in it.
 */
export async function readSqlFile(
  file: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<string> {
  const text = await readFile(path.join(SQL, file), 'utf8');
  const hardened = text.includes(`:'hardened'`)
    ? await readFile(path.join(SQL, HARDENED), 'utf8')
    : undefined;
  return text.replaceAll(
    /^(\s*--.*)|(?<!:):(["'])(\w+)\2/gm,
    (whole, comment: string, quote: string, name: string) => {
      if (comment !== undefined) {
        return whole;
      }
      const value = variables[name] ?? (name === 'hardened' ? hardened : undefined);
      if (value === undefined) {
        throw new TypeError(`sql/${file} needs the variable "${name}".`);
      }
      return quote === '"' ? pg.escapeIdentifier(value) : pg.escapeLiteral(value);
    },
  );
}
