import type { DatabaseFields } from './violations.ts';

/**
 * Classes of SQLSTATEs whose messages name objects of the schema, files and settings of the
 * server, and no values of rows or parameters. Class 22 (data exceptions) quotes the rejected
 * value. P0 and 38 are raised by functions.
 */
const NAMES_ONLY = /^(08|0A|23|25|26|28|2B|2D|3D|3F|40|42|44|53|54|55|57|58|XX)/;

/** Of these, the classes that quote parts of the statement, which may contain a value. */
const QUOTES_STATEMENT = /^(0A|42)/;

/** The engine's own SQLSTATEs, whose messages it writes itself. */
const OWN = /^KT\d{3}$/;

/** The routine that PostgreSQL reports for RAISE of PL/pgSQL. Its message is arbitrary. */
const RAISED = 'exec_stmt_raise';

const QUOTED = /"((?:[^"]|"")*)"|«([^»]*)»|„([^“”]*)[“”]|“([^”]*)”/g;

/**
 * Returns PostgreSQL's message if it cannot contain a value of a row or a parameter, otherwise null.
 *
 * @param statement the statement, without literals: quoted names that are not in it are masked
 */
export function safeMessage(
  { code, message, routine, ...fields }: DatabaseFields,
  statement: string,
): string | null {
  if (OWN.test(code)) {
    return message;
  }
  if (!NAMES_ONLY.test(code) || routine === RAISED) {
    return null;
  }
  if (!QUOTES_STATEMENT.test(code)) {
    return message;
  }
  const names = new Set([fields.schema, fields.table, fields.column, fields.constraint]);
  const identifiers = new Set(statement.split(/[^\w$.\u0080-\uffff]+/));
  return message.replaceAll(QUOTED, (quoted, ...groups) => {
    const inner = groups.slice(0, 4).find((group) => typeof group === 'string') as string;
    return names.has(inner) || identifiers.has(inner) ? quoted : '"…"';
  });
}
