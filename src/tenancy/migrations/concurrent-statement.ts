import pg from 'pg';

/** The effect of a statement of sql/tenant-concurrent/ on one index. Null for other statements. */
export type IndexChange = Readonly<{ does: 'create' | 'drop'; index: string }>;

const LEADING = /^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/;
const INDEX_CHANGE =
  /^(create)\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?("(?:[^"]|"")+"|[\w$]+)|^(drop)\s+index\s+concurrently\s+(?:if\s+exists\s+)?("(?:[^"]|"")+"|[\w$]+)/i;

/**
 * Returns the index that a statement creates or drops, or null.
 *
 * @throws TypeError for a statement that cannot run outside a transaction
 */
export function indexChangeOf(text: string): IndexChange | null {
  const statement = text.replace(LEADING, '');
  if (!/\bconcurrently\b/i.test(statement)) {
    throw new TypeError('a statement without CONCURRENTLY belongs in migrations/tenant/');
  }
  const [, create, created, drop, dropped] = INDEX_CHANGE.exec(statement) ?? [];
  const does = create ? 'create' : drop ? 'drop' : null;
  const name = created ?? dropped ?? '';
  if (does === null) {
    return null;
  }
  if (does === 'create' && name.toLowerCase() === 'on') {
    throw new TypeError(
      'an index that is created concurrently must have a name, so that it can be found after a crash',
    );
  }
  return { does, index: name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase() };
}

async function isValid(client: pg.ClientBase, schema: string, index: string): Promise<boolean | null> {
  const { rows } = await client.query<{ valid: boolean }>(
    `select i.indisvalid as valid
     from pg_catalog.pg_class as c
     join pg_catalog.pg_index as i on i.indexrelid = c.oid
     where c.relnamespace = (select n.oid from pg_catalog.pg_namespace as n where n.nspname = $1)
       and c.relname = $2`,
    [schema, index],
  );
  return rows[0]?.valid ?? null;
}

/**
 * Runs one statement outside a transaction, in the schema of the session's path. An existing index is
 * not built again. An invalid index of an earlier or a failed attempt is dropped.
 */
export async function runConcurrently(client: pg.ClientBase, schema: string, text: string): Promise<void> {
  const change = indexChangeOf(text);
  if (!change) {
    await client.query(text);
    return;
  }
  const { does, index } = change;
  const dropInvalid = async (): Promise<void> => {
    if ((await isValid(client, schema, index)) === false) {
      await client.query(`drop index concurrently ${pg.escapeIdentifier(index)}`);
    }
  };
  if (does === 'create') {
    await dropInvalid();
  }
  const exists = (await isValid(client, schema, index)) !== null;
  if (exists === (does === 'create')) {
    return;
  }
  try {
    await client.query(text);
  } catch (error) {
    // An invalid unique index would continue to reject rows.
    await dropInvalid().catch(() => {});
    throw error;
  }
}
