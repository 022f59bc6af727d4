/** Maximum length of a value: longer ones do not help a reader of the log. */
const MAX_LENGTH = 128;

/**
 * Returns an SQL comment that identifies the purpose of a statement in pg_stat_activity and the
 * server's log: `/*tenant='acme',route='/api/notes/:id'*\/`. Tags without a value are omitted; null
 * if none has one.
 *
 * Replaces characters that could end the comment, begin another one or quote, so that no value is read
 * as SQL.
 */
export function sqlComment(tags: Readonly<Record<string, string | null | undefined>>): string | null {
  const written = Object.entries(tags).flatMap(([name, value]) =>
    value ? [`${name}='${value.slice(0, MAX_LENGTH).replaceAll(/[^A-Za-z0-9_/:.{}-]/g, '_')}'`] : [],
  );
  return written.length > 0 ? `/*${written.join(',')}*/` : null;
}
