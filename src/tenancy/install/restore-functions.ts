import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type pg from 'pg';
import { firstWord } from '../../db/driver/statement.ts';
import { splitStatements } from '../../db/sql/split-statements.ts';
import { DomainError } from '../../errors.ts';
import { statementsOf } from '../migrations/apply-migrations.ts';
import { SHARED_MIGRATIONS, sharedMigrationNames } from '../migrations/run-migrations.ts';
import type { TenantMigration } from '../migrations/tenant-migrations.ts';

const MADE = /^create\s+(?:or\s+replace\s+)?(?=(?:function|procedure)\s+(tenancy\.\w+)\s*\(([^)]*)\))/im;
const DROPPED = /^drop\s+(?:function|procedure|routine)\s+(?:if\s+exists\s+)?(tenancy\.\w+)/im;

/** Another result, or other names of the arguments: PostgreSQL does not replace the one by the other. */
const INVALID_FUNCTION_DEFINITION = '42P13';

/** A migration that asks the database what to do is not run again to learn what it once did. */
class Asked extends Error {}

async function textsOf(name: string): Promise<readonly string[]> {
  const file = path.join(SHARED_MIGRATIONS, `${name}${path.extname(import.meta.filename)}`);
  const { up } = (await import(pathToFileURL(file).href)) as Pick<TenantMigration, 'up'>;
  const nobody = {
    query: () => {
      throw new Asked();
    },
  } as unknown as pg.ClientBase;
  try {
    return (await statementsOf(nobody, { name, concurrent: false, on: [], up, down: null }, 'up')).texts;
  } catch (error) {
    if (error instanceof Asked) {
      return [];
    }
    throw error;
  }
}

/** The last word of the shared migrations on each function of schema tenancy. */
async function definitions(): Promise<readonly string[]> {
  const last = new Map<string, Map<string, string>>();
  for (const name of await sharedMigrationNames()) {
    for (const statement of (await textsOf(name)).flatMap((text) => splitStatements(text).statements)) {
      const word = firstWord(statement);
      const made = word === 'create' ? MADE.exec(statement) : null;
      const dropped = word === 'drop' ? DROPPED.exec(statement) : null;
      if (made) {
        const [, named = '', args = ''] = made;
        const text = `create or replace ${statement.slice(made.index + made[0].length)}`;
        last.set(named, (last.get(named) ?? new Map()).set(args, text));
      } else if (dropped) {
        last.delete(dropped[1] ?? '');
      }
    }
  }
  return [...last.values()].flatMap((overloads) => [...overloads.values()]);
}

/**
 * Makes every function of schema tenancy anew as the shared migrations left it,
 * whatever was put in its place since. As tenancy_owner; keeps owner and rights.
 *
 * Not those with a body in `begin atomic`, nor those of a migration that asks
 * the database: sql/checks/rewritten-functions.sql names them all the same.
 *
 * @throws DomainError `precondition_failed` when one stands there that must be dropped first
 */
export async function restoreFunctions(client: pg.ClientBase): Promise<void> {
  try {
    await client.query((await definitions()).join(';\n'));
  } catch (error) {
    const { code, hint, message } = error as { code?: string; hint?: string; message: string };
    throw code === INVALID_FUNCTION_DEFINITION
      ? new DomainError(
          'precondition_failed',
          `A function of schema tenancy cannot be put back: ${message}. ${hint ?? ''}`,
          { cause: error },
        )
      : error;
  }
}
