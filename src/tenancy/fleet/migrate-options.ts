import { findTarget } from '../migrations/migration-sequence.ts';
import { loadTenantMigrations, type TenantMigration } from '../migrations/tenant-migrations.ts';
import type { TenancyProject } from '../registry/project.ts';
import type { FleetRun } from './run-fleet.ts';

export type MigrateOptions = Partial<FleetRun> &
  Readonly<{
    shared?: boolean;
    /** Makes what the tenants share anew although it is that of the code: somebody has changed it by hand. */
    reinstall?: boolean;
    tenants?: boolean;
    /** Only this tenant. */
    schema?: string | null;
    /** Reads every tenant's own ledger first, and corrects what the registry says of it. */
    histories?: boolean;
    /** Tenants that go first. When one fails, the others are not tried. */
    canary?: number;
    /** All or the end of a migration's name, or `zero`: up or down to there. */
    to?: string | undefined;
    /** Writes tenant migrations down as applied, and runs nothing. */
    fake?: boolean;
    /** Milliseconds that a statement waits for a lock, while others wait behind it. */
    lockTimeout?: number;
    /** How often a tenant is tried when others hold its locks. */
    attempts?: number;
    migrations?: readonly TenantMigration[];
    /** Asked when the canaries are through, and before anything is undone. */
    confirm?: (what: 'canary' | 'undo', question: string) => Promise<boolean>;
    /** A pass over so many tenants begins. */
    onStart?: (title: string, tenants: number) => void;
    /** One of them is through, or failed. */
    onTenant?: (line: string) => void;
  }>;

/** With everything that was left out. */
export type Settled = Required<Omit<MigrateOptions, 'to'>> & { to: string | undefined };

/** @throws DomainError `usage_invalid` when `to` names no migration */
export async function flushEntry(project: TenancyProject, options: MigrateOptions): Promise<Settled> {
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
    busyTimeout: 600_000,
    lockTimeout: 1_000,
    attempts: 6,
    confirm: async () => true,
    onStart: () => {},
    onTenant: () => {},
    ...options,
    migrations,
    to: options.to === undefined ? undefined : findTarget(migrations, options.to),
  };
}
