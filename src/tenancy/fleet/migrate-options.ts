import { findTarget } from '../migrations/migration-sequence.ts';
import { loadTenantMigrations, type TenantMigration } from '../migrations/tenant-migrations.ts';
import type { TenancyProject } from '../registry/project.ts';
import type { FleetRun } from './run-fleet.ts';

export type MigrateOptions = Partial<FleetRun> &
  Readonly<{
    shared?: boolean;
    /**
     * Whether the shared objects are installed again although they are up to date, to undo manual
     * changes.
     */
    reinstall?: boolean;
    tenants?: boolean;
    /** Migrates only this tenant. */
    schema?: string | null;
    /** Whether every tenant's own migration history is read first, and the registry corrected. */
    histories?: boolean;
    /** Number of tenants that are migrated first. If one fails, the others are not tried. */
    canary?: number;
    /** Name of the target migration, its end, or `zero`. Migrates up or down to it. */
    to?: string | undefined;
    /** Whether tenant migrations are recorded as applied without being run. */
    fake?: boolean;
    /** Whether changed files of applied migrations are accepted: their digests are recorded. */
    acceptChanged?: boolean;
    /** Maximum milliseconds that a statement waits for a lock, while other sessions wait behind it. */
    lockTimeout?: number;
    /** Maximum number of attempts for a tenant whose locks are held by other sessions. */
    attempts?: number;
    migrations?: readonly TenantMigration[];
    /** Whether the report of a failure omits messages of PostgreSQL that may quote values of rows. */
    hideValues?: boolean;
    /** Called after the canaries, and before migrations are undone. Returns whether to continue. */
    confirm?: (what: 'canary' | 'undo', question: string) => Promise<boolean>;
    /** Called when a pass begins, with the number of its tenants. */
    onStart?: (title: string, tenants: number) => void;
    /** Called when a tenant was migrated or has failed. */
    onTenant?: (line: string) => void;
  }>;

/** The options with all defaults applied. */
export type ResolvedOptions = Required<Omit<MigrateOptions, 'to'>> & { to: string | undefined };

/**
 * Applies the defaults.
 *
 * @throws OperatorError `usage_invalid` when `to` names no migration
 */
export async function withDefaults(
  project: TenancyProject,
  options: MigrateOptions,
): Promise<ResolvedOptions> {
  const migrations = options.migrations ?? (await loadTenantMigrations(project));
  return {
    shared: true,
    reinstall: false,
    tenants: true,
    schema: null,
    histories: false,
    jobs: 2,
    canary: 0,
    continueOnError: false,
    fake: false,
    acceptChanged: false,
    busyTimeout: 600_000,
    lockTimeout: 1_000,
    attempts: 6,
    hideValues: false,
    confirm: async () => true,
    onStart: () => {},
    onTenant: () => {},
    ...options,
    migrations,
    to: options.to === undefined ? undefined : findTarget(migrations, options.to),
  };
}
