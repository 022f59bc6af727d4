import { randomBytes } from 'node:crypto';
import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { takeSessionLock } from '../../db/admin/session-lock.ts';
import { createTenantWithoutHooks } from '../lifecycle/provision.ts';
import { migrateTenant } from '../migrations/migrate-tenant.ts';
import { loadTenantMigrations } from '../migrations/tenant-migrations.ts';
import { parseSchemaName, type Tenant } from '../registry/tenant.ts';
import { type Fleet, readFleetState } from './fleet-state.ts';
import { isOutdated } from './migrate.ts';

export type SparesReport = Readonly<{ created: number; migrated: number }>;

/** Returns a name for a spare. The tenant that claims the spare has its own name. */
const spareSchema = (): string => `spare_${randomBytes(6).toString('hex')}`;

async function listSpares(owner: pg.ClientConfig): Promise<readonly Tenant['schema'][]> {
  return withAdminConnection(owner, async (client) => {
    const { rows } = await client.query<Pick<Tenant, 'schema'>>(
      `select t.schema_name as schema
       from public.tenants as t
       where t.status = 'spare'`,
    );
    return rows.map(({ schema }) => schema);
  });
}

/**
 * Migrates the existing spares and creates the missing ones, one transaction each. Surplus spares are
 * kept for the next tenants.
 *
 * Runs in one process at a time. Returns null when another process runs it, and when the shared schema
 * differs from the code.
 */
export async function keepSpares(
  owner: pg.ClientConfig,
  fleet: Fleet,
  wanted: number,
  signal: AbortSignal,
): Promise<SparesReport | null> {
  const lock = await takeSessionLock(owner, 'koa-tenants spares');
  if (!lock) {
    return null;
  }
  try {
    const migrations = await loadTenantMigrations(fleet.project);
    const state = await readFleetState(owner, fleet, { migrations, schema: null });
    if (state?.newer || (await isOutdated(state, fleet))) {
      return null;
    }
    const spares = await listSpares(owner);
    const behind = new Set(state?.behind.map(({ schema }) => schema));
    const report = { created: 0, migrated: 0 };
    for (const schema of spares.filter((spare) => behind.has(spare))) {
      if (signal.aborted) {
        return report;
      }
      await migrateTenant(owner, schema, { migrations });
      report.migrated += 1;
    }
    while (spares.length + report.created < wanted && !signal.aborted) {
      await createTenantWithoutHooks(
        owner,
        fleet.service,
        { schema: parseSchemaName(spareSchema()), name: 'spare', domains: [] },
        { status: 'spare', migrations },
      );
      report.created += 1;
    }
    return report;
  } finally {
    await lock.release();
  }
}
