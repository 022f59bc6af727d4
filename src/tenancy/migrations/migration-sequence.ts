import { DomainError } from '../../errors.ts';
import type { TenantMigration } from './tenant-migrations.ts';

/** Before the first migration: the target of `--to zero`. */
export const ZERO = '';

/** What has to run on one tenant, in order. */
export type MigrationSequence = Readonly<{ direction: 'up' | 'down'; steps: readonly TenantMigration[] }>;

const list = (names: readonly string[]): string => names.join(', ');

/**
 * Apps are released independently of each other: a new version of one may bring a migration that is earlier than an
 * applied one of another app.
 *
 * @throws DomainError `precondition_failed` for a pending migration that is earlier than an applied one of its app
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
    throw new DomainError(
      'precondition_failed',
      `${list(late.map(({ name }) => name))} has an earlier time than ${last.get(first.app)}, which was applied already: rename it to a later one.`,
    );
  }
}

/**
 * The way from what a tenant's ledger holds to the end of the code's migrations,
 * or to the one named `to`, up or down.
 *
 * What the ledger has beyond the code is left alone: a newer release made it.
 *
 * @throws DomainError `precondition_failed` when a migration is older than an applied one of its app, or
 *   cannot be undone
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
      throw new DomainError(
        'precondition_failed',
        `${list(stuck)} cannot be undone: there is no \`down\` in the code. Nothing was changed.`,
      );
    }
    return { direction: 'down', steps: migrations.filter(({ name }) => beyond.includes(name)).toReversed() };
  }
  const pending = migrations.filter(({ name }) => !applied.has(name) && (to === undefined || name <= to));
  assertLaterThanApplied(migrations, pending, applied);
  return { direction: 'up', steps: pending };
}

/**
 * The name of the one migration that `text` means: all of its name, or the
 * beginning or the end of it; `zero` for none.
 *
 * @throws DomainError `usage_invalid`
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
    throw new DomainError(
      'usage_invalid',
      found.length > 1
        ? `"${text}" means ${found.length} migrations: ${list(found)}; write the whole name.`
        : `No tenant migration is called "${text}": write zero, or one of ${list(names)}.`,
    );
  }
  return name;
}
