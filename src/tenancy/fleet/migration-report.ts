import { counted } from '../../counted.ts';
import { OperatorError } from '../../errors.ts';
import type { ContextMode } from '../install/shared-files.ts';
import type { ChangedFile } from './changed-files.ts';

type Names = ReadonlyArray<Readonly<{ schema: string; applied: readonly string[] }>>;

export type MigrationReport = Readonly<{
  contextMode: ContextMode;
  /** Whether roles, keys, grants or hardening were applied again, with or without a migration. */
  installed: boolean;
  /** Whether the shared schema is of a newer release, and was not changed. */
  newer: boolean;
  shared: readonly string[];
  /** Migrations that ran in one transaction each, by tenant. */
  tenants: Names;
  /** Migrations that ran outside transactions, by tenant. */
  concurrent: Names;
  undone: Names;
  failures: ReadonlyArray<Readonly<{ schema: string; error: string }>>;
  /** Applied migrations whose files have changed since. */
  changed: readonly ChangedFile[];
  /** Number of tenants that were not tried. */
  left: number;
}>;

/**
 * Thrown when tenants could not be migrated, or the operator stopped the run. The report names what
 * was done.
 */
export class MigrationStopped extends OperatorError {
  override readonly name = 'MigrationStopped';
  readonly report: MigrationReport;

  constructor(code: 'migration_failed' | 'migration_pending', message: string, report: MigrationReport) {
    super(code, message);
    this.report = report;
  }
}

/** A report in progress. */
export type Draft = {
  -readonly [K in keyof MigrationReport]: MigrationReport[K] extends ReadonlyArray<infer T>
    ? T[]
    : MigrationReport[K];
};

/** @throws MigrationStopped when a tenant failed */
export function assertAllWell(report: MigrationReport): void {
  const [first] = report.failures;
  if (first) {
    const rest = report.left > 0 ? ` ${counted(report.left, 'tenant')} not tried.` : '';
    const which = report.failures.length > 1 ? 'the first was ' : '';
    throw new MigrationStopped(
      'migration_failed',
      `${counted(report.failures.length, 'tenant')} failed: ${which}${first.schema}: ${first.error.replace(/\.$/, '')}.${rest} \`migrate-status\` lists every failure. Fix the cause and run \`migrate\` again.`,
      report,
    );
  }
}
