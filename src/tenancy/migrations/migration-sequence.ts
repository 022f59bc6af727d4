import { OperatorError } from '../../errors.ts';
import type { TenantMigration } from './tenant-migrations.ts';

/** Target before the first migration: `--to zero`. */
export const ZERO = '';

/** The migrations that must run on one tenant, in order. */
export type MigrationSequence = Readonly<{ direction: 'up' | 'down'; steps: readonly TenantMigration[] }>;

const list = (names: readonly string[]): string => names.join(', ');

/**
 * Checks that every pending migration is later than the applied ones of its app. Apps are released
 * independently: a new version of one may bring a migration that is earlier than an applied one of
 * another app.
 *
 * @throws OperatorError `precondition_failed`
 */
function assertLaterThanApplied(
  migrations: readonly TenantMigration[],
  pending: readonly TenantMigration[],
  applied: ReadonlySet<string>,
): void {
  const last = new Map(
    migrations.filter(({ name }) => applied.has(name)).map(({ app, name }) => [app, name]),
  );
  const late = pending.filter(({ app, name }) => name < (last.get(app) ?? ''));
  const [first] = late;
  if (first) {
    throw new OperatorError(
      'precondition_failed',
      `${list(late.map(({ name }) => name))} has an earlier time than ${last.get(first.app)}, which was already applied. Rename it to a later time.`,
    );
  }
}

/**
 * Returns the sequence from a tenant's migration history to the last of the code's migrations, or to
 * the one named `to`, up or down.
 *
 * Names in the history that the code does not have are ignored: a newer release has added them.
 *
 * @throws OperatorError `precondition_failed` when a migration is older than an applied one of its app,
 *   or cannot be undone
 */
export function sequenceOf(
  migrations: readonly TenantMigration[],
  history: readonly string[],
  to?: string | undefined,
): MigrationSequence {
  const applied = new Set(history);
  const beyond = to === undefined ? [] : [...history].filter((name) => name > to).sort();
  if (beyond.length > 0) {
    const known = new Map(migrations.map((migration) => [migration.name, migration]));
    const stuck = beyond.filter((name) => !known.get(name)?.down);
    if (stuck.length > 0) {
      throw new OperatorError(
        'precondition_failed',
        `${list(stuck)} cannot be undone, because the code has no \`down\`. Nothing was changed.`,
      );
    }
    return { direction: 'down', steps: migrations.filter(({ name }) => beyond.includes(name)).toReversed() };
  }
  const pending = migrations.filter(({ name }) => !applied.has(name) && (to === undefined || name <= to));
  assertLaterThanApplied(migrations, pending, applied);
  return { direction: 'up', steps: pending };
}

/**
 * Returns the name of the one migration that `text` identifies: by its name, or the beginning or end
 * of it; `zero` for none.
 *
 * @throws OperatorError `usage_invalid`
 */
export function findTarget(migrations: readonly TenantMigration[], text: string): string {
  if (text === 'zero') {
    return ZERO;
  }
  const names = migrations.map(({ name }) => name);
  const found = names.filter(
    (name) => name === text || name.startsWith(`${text}_`) || name.endsWith(`_${text}`),
  );
  const [name] = found;
  if (name === undefined || found.length > 1) {
    throw new OperatorError(
      'usage_invalid',
      found.length > 1
        ? `"${text}" matches ${found.length} migrations: ${list(found)}. Use the full name.`
        : `There is no tenant migration "${text}". Use zero, or one of ${list(names)}.`,
    );
  }
  return name;
}
