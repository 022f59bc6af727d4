import { readSqlFile } from '../../db/sql/sql-file.ts';

/** As much of node-pg-migrate's builder as an SQL file needs. */
type Builder = { sql: (text: string) => void; noTransaction: () => void };
type Action = (pgm: Builder) => Promise<void>;

/** Files of one folder under sql/, read once however many schemas they are applied to. */
function textsOf(folder: string, files: readonly string[]): () => Promise<readonly string[]> {
  let texts: Promise<readonly string[]> | null = null;
  return () => {
    texts ??= Promise.all(files.map((file) => readSqlFile(`${folder}/${file}`)));
    return texts;
  };
}

const applying =
  (texts: () => Promise<readonly string[]>): Action =>
  async (pgm) => {
    for (const text of await texts()) {
      pgm.sql(text);
    }
  };

/** A shared migration that applies files of sql/shared/, in order. */
export const sharedSql = (...files: readonly string[]): Action => applying(textsOf('shared', files));

/**
 * A tenant migration that applies files of sql/tenant/, in order. Whoever runs it
 * has entered the tenant and protects what was made: apply-steps.ts.
 */
export const tenantSql = (...files: readonly string[]): Action => applying(textsOf('tenant', files));

/**
 * A migration of migrations/tenant-concurrent/: files of sql/tenant-concurrent/,
 * in order, each of them one statement that says CONCURRENTLY. They run outside
 * a transaction; in a schema that nobody uses yet, inside one and without the word.
 */
export function concurrentSql(...files: readonly string[]): Action {
  const apply = applying(textsOf('tenant-concurrent', files));
  return (pgm) => {
    pgm.noTransaction();
    return apply(pgm);
  };
}
