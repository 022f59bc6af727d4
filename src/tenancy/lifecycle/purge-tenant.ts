import pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { takeSessionLock } from '../../db/admin/session-lock.ts';
import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import { ApiError, OperatorError } from '../../errors.ts';
import { BECOME_OWNER } from '../context/with-owner-tenant.ts';
import { claimTenant, findTenant } from '../registry/registry.ts';
import type { TenantIdentity } from '../registry/tenant.ts';
import { dropRole } from './drop-schema.ts';

/** Shows the progress of a long operation with `total` steps. */
export type ShowProgress = (
  title: string,
  total: number,
) => Readonly<{ step: (line: string) => void; stop: () => void }>;

/**
 * Number of relations that are dropped in one transaction. Each locks itself, its indexes, its TOAST
 * table and its dependents. The lock table of a server with default settings has 6,400 entries: 2,000
 * tables in one transaction are too many.
 */
const BATCH = 50;

/** Seconds to wait for sessions that still use a table. */
const LOCK_TIMEOUT_SECONDS = 10;

const KINDS: Readonly<Record<string, string>> = {
  f: 'foreign table',
  m: 'materialized view',
  p: 'table',
  r: 'table',
  S: 'sequence',
  v: 'view',
};

/**
 * Relations that are left to drop: partitions before their parents. Sequences of columns are dropped
 * with their table.
 */
const LEFT = `
  select c.relname, c.relkind
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  where n.nspname = $1
    and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    and not exists (
      select
      from pg_catalog.pg_inherits as i
      where i.inhparent = c.oid
    )
    and not exists (
      select
      from pg_catalog.pg_depend as k
      where k.classid = 'pg_catalog.pg_class'::regclass
        and k.objid = c.oid
        and c.relkind = 'S'
        and k.deptype in ('a', 'i')
    )
  order by c.relkind = 'S', c.oid desc
`;

/** Runs the transaction of one batch as tenant_owner, so that only objects of this role can be dropped. */
async function asOwnerOfTenants<T>(
  owner: pg.ClientConfig,
  schema: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  try {
    return await withAdminConnection(owner, async (client) => {
      await client.query(`select set_config('lock_timeout', $1, true)`, [`${LOCK_TIMEOUT_SECONDS}s`]);
      await client.query(BECOME_OWNER);
      return work(client);
    });
  } catch (error) {
    throw hasSqlState(error, SQLSTATE.LOCK_NOT_AVAILABLE)
      ? new ApiError(
          'tenant_busy',
          `A table of "${schema}" is still in use. The tables dropped so far are gone. Run the command again to continue.`,
        )
      : error;
  }
}

/** Drops up to BATCH relations. Returns how many there were to drop. */
async function dropBatch(owner: pg.ClientConfig, schema: string): Promise<number> {
  return asOwnerOfTenants(owner, schema, async (client) => {
    const { rows } = await client.query<{ relname: string; relkind: string }>(`${LEFT} limit ${BATCH}`, [
      schema,
    ]);
    for (const { relname, relkind } of rows) {
      // An earlier drop of this batch may have removed it.
      const name = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(relname)}`;
      await client.query(`drop ${KINDS[relkind]} if exists ${name} cascade`);
    }
    return rows.length;
  });
}

/**
 * Drops the rest of a tenant in its database when the tables are gone, in one transaction. The row
 * there is deleted last.
 */
export async function dropRest(owner: pg.ClientConfig, { id, schema, role }: TenantIdentity): Promise<void> {
  await asOwnerOfTenants(owner, schema, async (client) => {
    await client.query(`drop schema if exists ${pg.escapeIdentifier(schema)} cascade`);
    await client.query(`drop table if exists tenancy_migrations.${pg.escapeIdentifier(role)}`);
    await client.query('reset role');
    await dropRole(client, role);
    await client.query('delete from public.tenants where id = $1', [id]);
  });
}

/**
 * Drops a deleted tenant permanently: tables, schema, migration history, role, domains and row.
 *
 * Uses transactions of `BATCH` relations, so that no number of tables exhausts the lock table. The row
 * is deleted last: after a crash, running it again continues. After the first batch the tenant cannot
 * be undeleted.
 *
 * `tenantOwner` is the admin connection of the tenant's database, if that is not main. Retained copies
 * in other databases are kept until their retention expires.
 *
 * @throws DomainError `tenant_not_found`, `tenant_status_wrong` when it is not deleted, or
 *   `tenant_busy` when another purge runs or a table is in use
 */
export async function purgeTenant(
  owner: pg.ClientConfig,
  schema: string,
  progress: ShowProgress,
  tenantOwner: pg.ClientConfig = owner,
): Promise<void> {
  const { id } = await withAdminConnection(owner, (client) => findTenant(client, schema));
  const lock = await takeSessionLock(owner, `purge ${id}`);
  if (!lock) {
    throw new ApiError('tenant_busy', `Another process is already purging "${schema}".`);
  }
  try {
    const tenant = await withAdminConnection(owner, async (client) => {
      const claimed = await claimTenant(client, schema);
      if (claimed.status !== 'deleted') {
        throw new OperatorError(
          'tenant_status_wrong',
          `"${schema}" is in status ${claimed.status}; only a deleted tenant is purged. Run \`delete-tenant --schema ${schema}\` first.`,
        );
      }
      await client.query(
        'update public.tenants set purge_started_at = coalesce(purge_started_at, now()) where id = $1',
        [id],
      );
      return claimed;
    });
    const left = await withAdminConnection(
      tenantOwner,
      async (client) => (await client.query(LEFT, [schema])).rowCount ?? 0,
    );
    const bar = progress(`Purging ${schema}`, Math.ceil(left / BATCH) + 1);
    try {
      let dropped = 0;
      for (
        let batch = await dropBatch(tenantOwner, schema);
        batch > 0;
        batch = await dropBatch(tenantOwner, schema)
      ) {
        dropped += batch;
        bar.step(`${schema}: ${dropped} relations dropped`);
      }
      await dropRest(tenantOwner, tenant);
      // Main's row is deleted last: as long as it exists, the purge can be repeated.
      await withAdminConnection(owner, (client) =>
        client.query('delete from public.tenants where id = $1', [id]),
      );
      bar.step(`${schema}: schema, migration history, role, domains and registry row dropped`);
    } finally {
      bar.stop();
    }
  } finally {
    await lock.release();
  }
}
