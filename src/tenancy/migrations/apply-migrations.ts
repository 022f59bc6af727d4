import { MigrationBuilder } from 'node-pg-migrate';
import type pg from 'pg';
import { type MigratingTenant, markSql } from './history.ts';
import { insideSql, PROTECT } from './inside-sql.ts';
import { type Piece, queryPieces, sourceOf } from './locate-error.ts';

import { MigrationFailed } from './migration-failed.ts';
import type { MigrationSequence } from './migration-sequence.ts';
import type { TenantMigration } from './tenant-migrations.ts';

/**
 * The statements of a migration. What it asks the database by itself (`pgm.db`)
 * is answered at once, after `before`.
 */
export async function statementsOf(
  client: pg.ClientBase,
  migration: Readonly<{ up: TenantMigration['up']; down?: TenantMigration['down'] }>,
  direction: MigrationSequence['direction'],
  before: () => Promise<unknown> = async () => {},
): Promise<{ texts: readonly string[]; inTransaction: boolean }> {
  const query = async (text: string | pg.QueryConfig, values?: unknown[]) => {
    await before();
    return client.query(text as string, values);
  };
  const db = { query, select: async (...asked: Parameters<typeof query>) => (await query(...asked)).rows };
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const pgm = new MigrationBuilder(db as never, {}, false, silent);
  await migration[direction]?.(pgm);
  return { texts: pgm.getSqlSteps(), inTransaction: pgm.isUsingTransaction() };
}

/** Without the word, for a schema that nobody uses yet and a transaction that is open. Places in the text stay. */
const plainly = (text: string): string =>
  text.replaceAll(/\bconcurrently\b/gi, (word) => ' '.repeat(word.length));

type Application = Readonly<{
  /** Written down, and not run. */
  fake?: boolean | undefined;
  /** SQL that goes with the last step: what is to be true when all of them are through. */
  after: string;
}>;

/**
 * SQL between two migrations in one transaction: does what a commit would do to
 * deferred checks and cursors of the first, and forgets its prepared statements.
 */
const FENCE = 'set constraints all immediate; close all; deallocate all';

/** Sends the steps, `together` or each by itself, and then what protects them. */
async function send(
  client: pg.ClientBase,
  tenant: MigratingTenant,
  { direction, steps }: MigrationSequence,
  { fake = false, after }: Application,
  together: boolean,
): Promise<void> {
  let texts: Piece[] = [];
  let names: string[] = [];
  const add = (...pieces: readonly string[]): void => {
    texts.push(...pieces.map((text) => ({ text, source: null })));
  };
  const flush = async (): Promise<void> => {
    try {
      await queryPieces(client, texts);
    } catch (error) {
      throw new MigrationFailed(names.join(', ') || (steps[0]?.name ?? ''), error);
    }
    texts = [];
    names = [];
  };
  for (const step of steps) {
    try {
      const { texts: bodies, inTransaction } = fake
        ? { texts: [], inTransaction: !step.concurrent }
        : await statementsOf(client, step, direction, () => {
            add(insideSql(tenant));
            return flush();
          });
      if (inTransaction === step.concurrent) {
        throw new TypeError(
          step.concurrent ? 'it is no concurrentSql()' : 'it belongs in migrations/tenant-concurrent/',
        );
      }
      if (step !== steps[0]) {
        add(FENCE);
      }
      // The one before may have left the path.
      add(insideSql(tenant));
      texts.push(
        ...bodies.map((text) => ({
          text: step.concurrent ? plainly(text) : text,
          source: sourceOf(text, step.sqlFiles?.[direction]),
        })),
      );
    } catch (error) {
      throw error instanceof MigrationFailed ? error : new MigrationFailed(step.name, error);
    }
    add(markSql(tenant, step.name, direction));
    names.push(step.name);
    if (!together && step !== steps.at(-1)) {
      await flush();
    }
  }
  add(FENCE, insideSql(tenant), PROTECT, after);
  await flush();
}

/**
 * Runs the steps of a course inside the transaction of `client`, as tenant_owner
 * and inside the tenant, and protects what they made: a table cannot lack its
 * policy. Uses no subtransaction, in which PostgreSQL's rules for new enum values
 * are stricter.
 *
 * `together` sends all of them in one round trip. Its error names all of them.
 *
 * Migrations that belong outside a transaction lose the word CONCURRENTLY, which
 * blocks writers: only for a schema that nobody uses yet.
 *
 * @throws StepFailed naming the migration. The transaction is aborted.
 */
export async function applyMigrations(
  client: pg.ClientBase,
  tenant: MigratingTenant,
  sequence: MigrationSequence,
  { together = false, ...application }: Application & Readonly<{ together?: boolean }>,
): Promise<void> {
  if (sequence.steps.length === 0) {
    await client.query(application.after);
    return;
  }
  await send(client, tenant, sequence, application, together);
}
