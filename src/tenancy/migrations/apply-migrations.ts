import type pg from 'pg';
import { enterSql } from '../context/with-owner-tenant.ts';
import type { Tenant } from '../registry/tenant.ts';
import { markSql } from './history.ts';
import { type Piece, queryPieces, sourceOf } from './locate-error.ts';

import { MigrationFailed } from './migration-failed.ts';
import type { MigrationSequence } from './migration-sequence.ts';
import type { TenantMigration } from './tenant-migrations.ts';

/** Returns the statements of a migration. Its own queries (`pgm.db`) run immediately, after `before`. */
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
  const db = { query, select: async (...args: Parameters<typeof query>) => (await query(...args)).rows };
  const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const { MigrationBuilder } = await import('node-pg-migrate');
  const pgm = new MigrationBuilder(db as never, {}, false, silent);
  await migration[direction]?.(pgm);
  return { texts: pgm.getSqlSteps(), inTransaction: pgm.isUsingTransaction() };
}

/**
 * Removes the keyword CONCURRENTLY, for a schema that is not in use and an open transaction. Positions
 * in the text stay the same.
 */
const withoutConcurrently = (text: string): string =>
  text.replaceAll(/\bconcurrently\b/gi, (keyword) => ' '.repeat(keyword.length));

type Application = Readonly<{
  /** Whether it is only recorded as applied. */
  fake?: boolean | undefined;
  /** SQL that is sent with the last step, and applies when all steps have succeeded. */
  after: string;
}>;

/** SQL that applies the policy to everything in the tenant, in the transaction that created it. */
export const PROTECT = 'select tenancy.protect_schema(current_schema())';

/**
 * SQL between two migrations in one transaction. It does what a commit would do to deferred checks,
 * cursors and prepared statements of the first one.
 */
const FENCE = 'set constraints all immediate; close all; deallocate all';

/** Sends the steps, all in one round trip or one by one, and then the protection of the schema. */
async function send(
  client: pg.ClientBase,
  tenant: Pick<Tenant, 'schema' | 'role'>,
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
            add(enterSql(tenant));
            return flush();
          });
      if (inTransaction === step.concurrent) {
        throw new TypeError(
          step.concurrent ? 'it does not use concurrentSql()' : 'it belongs in migrations/tenant-concurrent/',
        );
      }
      if (step !== steps[0]) {
        add(FENCE);
      }
      // The previous migration may have changed the path.
      add(enterSql(tenant));
      texts.push(
        ...bodies.map((text) => ({
          text: step.concurrent ? withoutConcurrently(text) : text,
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
  add(FENCE, enterSql(tenant), PROTECT, after);
  await flush();
}

/**
 * Runs the steps of a migration sequence inside the transaction of `client`, as tenant_owner and
 * inside the tenant, and protects what they created, so that every table has its policy. Uses no
 * subtransaction: there PostgreSQL's rules for new enum values are stricter.
 *
 * `together`: whether all steps are sent in one round trip. An error then names all of them.
 *
 * Migrations that belong outside a transaction run without CONCURRENTLY, which blocks writers. Use
 * them this way only for a schema that is not in use.
 *
 * @throws MigrationFailed naming the migration. The transaction is aborted.
 */
export async function applyMigrations(
  client: pg.ClientBase,
  tenant: Pick<Tenant, 'schema' | 'role'>,
  sequence: MigrationSequence,
  { together = false, ...application }: Application & Readonly<{ together?: boolean }>,
): Promise<void> {
  if (sequence.steps.length === 0) {
    await client.query(application.after);
    return;
  }
  await send(client, tenant, sequence, application, together);
}
