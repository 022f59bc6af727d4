/** Beyond this a value says nothing more to who reads a log. */
const LONGEST = 128;

/**
 * Names what a statement is for to who reads pg_stat_activity and the server's
 * log: `/*tenant='acme',route='/api/projects/:id'*\/`. Tags without a value are
 * left out; null when none has one.
 *
 * What could end the comment, begin another or quote is replaced, so that no
 * value is ever read as SQL.
 */
export function sqlComment(tags: Readonly<Record<string, string | null | undefined>>): string | null {
  const written = Object.entries(tags).flatMap(([name, value]) =>
    value ? [`${name}='${value.slice(0, LONGEST).replaceAll(/[^A-Za-z0-9_/:.{}-]/g, '_')}'`] : [],
  );
  return written.length > 0 ? `/*${written.join(',')}*/` : null;
}
