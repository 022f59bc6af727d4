import type pg from 'pg';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { OperatorError } from '../../../errors.ts';
import { readTables } from '../copy/tables.ts';
import type { Move } from './move.ts';
import { findUnboundFunction } from './unbound-functions.ts';

const refuse = (message: string): never => {
  throw new OperatorError('precondition_failed', message);
};

const OFFLINE = 'or move it without --online';

type SourceState = { level: string; slots: number; senders: number; replicates: boolean; publishes: boolean };

/**
 * Functions that hardening revokes from PUBLIC and grants to the migrating login:
 * sql/shared/hardening.sql.
 */
const CALLED = {
  source: [
    'pg_stat_get_activity',
    'pg_stat_get_wal_senders',
    'pg_logical_emit_message',
    'pg_current_wal_flush_lsn',
    'pg_notify',
    'pg_terminate_backend',
  ],
  target: ['pg_stat_get_subscription'],
};

async function assertCallable(client: pg.Client, name: string, functions: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ signature: string; login: string }>(
    `select p.oid::regprocedure::text as signature, quote_ident(current_user) as login
     from pg_catalog.pg_proc as p
     where p.pronamespace = 'pg_catalog'::regnamespace
       and p.proname = any ($1)
       and not has_function_privilege(p.oid, 'EXECUTE')
     order by 1`,
    [functions],
  );
  if (rows[0]) {
    refuse(
      `The migrating login of "${name}" lacks EXECUTE on functions that an online move uses: as a superuser, run \`grant execute on function ${rows.map(({ signature }) => signature).join(', ')} to ${rows[0].login}\`, ${OFFLINE}.`,
    );
  }
}

/** Number of replication slots and senders: one for the copy and one for the subscription. */
const SLOTS_NEEDED = 2;

async function assertSource(client: pg.Client, name: string): Promise<void> {
  const { rows } = await client.query<SourceState>(
    `select
       current_setting('wal_level') as level,
       current_setting('max_replication_slots')::integer
         - (select count(*)::integer from pg_catalog.pg_replication_slots) as slots,
       current_setting('max_wal_senders')::integer
         - (select count(*)::integer from pg_catalog.pg_stat_replication) as senders,
       r.rolsuper or r.rolreplication as replicates,
       r.rolsuper or has_database_privilege(current_database(), 'CREATE') as publishes
     from pg_catalog.pg_roles as r
     where r.rolname = current_user`,
  );
  const { level, slots, senders, replicates, publishes } = rows[0] as SourceState;
  if (level !== 'logical') {
    refuse(
      `The server of "${name}" has wal_level ${level}: set it to logical and restart the server, ${OFFLINE}.`,
    );
  }
  if (!replicates || !publishes) {
    refuse(
      `The migrating login may not replicate from "${name}": give it REPLICATION and CREATE on the database, ${OFFLINE}.`,
    );
  }
  if (slots < SLOTS_NEEDED || senders < SLOTS_NEEDED) {
    const setting = slots < SLOTS_NEEDED ? 'max_replication_slots' : 'max_wal_senders';
    refuse(`The server of "${name}" needs ${SLOTS_NEEDED} more ${setting}: raise the setting, ${OFFLINE}.`);
  }
}

async function assertIdentities(client: pg.Client, schema: string): Promise<void> {
  const { rows } = await client.query<{ name: string; unlogged: boolean }>(
    `select c.relname as name, c.relpersistence = 'u' as unlogged
     from pg_catalog.pg_namespace as n
     join pg_catalog.pg_class as c on c.relnamespace = n.oid
     where n.nspname = $1
       and c.relkind = 'r'
       and (
         c.relpersistence = 'u'
         or c.relreplident = 'n'
         or c.relreplident = 'd'
         and not exists (
           select
           from pg_catalog.pg_index as i
           where i.indrelid = c.oid
             and i.indisprimary
             and i.indimmediate
         )
       )
     order by c.relname`,
    [schema],
  );
  const [first] = rows;
  if (first?.unlogged) {
    refuse(
      `The table ${schema}.${first.name} is unlogged, and PostgreSQL does not replicate it: make it logged in a migration, ${OFFLINE}.`,
    );
  }
  if (first) {
    // Published without a primary key, the table would reject updates and deletes.
    refuse(
      `The table ${schema}.${first.name} has no primary key, which replication needs: add one, or \`replica identity full\`, in a migration, ${OFFLINE}.`,
    );
  }
}

/** Rejects tables in which a replicated row may belong to another partition than at the source. */
async function assertPartitions(client: pg.Client, schema: string): Promise<void> {
  const root = (await readTables(client, schema)).find(({ partitioned }) => partitioned);
  if (root) {
    refuse(
      `The partitions of ${schema}.${root.name} depend on OIDs, which differ on the target, and PostgreSQL replicates partition by partition: partition by another type in a migration, ${OFFLINE}.`,
    );
  }
}

async function assertBound(client: pg.Client, schema: string): Promise<void> {
  const found = await findUnboundFunction(client, schema);
  if (found) {
    refuse(
      `The function ${found.identity}, which "${found.used}" calls, names "${found.name}" by its plain name, and PostgreSQL applies replicated changes under an empty search_path: in a migration, \`alter function … set search_path from current\`, or write its body as \`return …\`; ${OFFLINE}.`,
    );
  }
}

type TargetState = {
  super: boolean;
  subscribes: boolean;
  bypasses: boolean;
  logs: boolean;
  version: number;
  origins: number;
  workers: number;
};

async function assertTarget(client: pg.Client, name: string): Promise<void> {
  const { rows } = await client.query<TargetState>(
    `select
       r.rolsuper as super,
       r.rolbypassrls as bypasses,
       coalesce(
         (
           select pg_has_role(current_user, s.oid, 'USAGE')
           from pg_catalog.pg_roles as s
           where s.rolname = 'pg_create_subscription'
         ),
         false
       ) and has_database_privilege(current_database(), 'CREATE') as subscribes,
       current_setting('log_statement') <> 'none' as logs,
       current_setting('server_version_num')::integer as version,
       coalesce(current_setting('max_active_replication_origins', true), current_setting('max_replication_slots'))::integer
         - (select count(*)::integer from pg_catalog.pg_replication_origin) as origins,
       current_setting('max_logical_replication_workers')::integer
         - (select count(*)::integer from pg_catalog.pg_stat_subscription as s where s.pid is not null) as workers
     from pg_catalog.pg_roles as r
     where r.rolname = current_user`,
  );
  const state = rows[0] as TargetState;
  if (!state.super && !(state.subscribes && state.bypasses)) {
    refuse(
      state.version < 160_000
        ? `The migrating login of "${name}" may not subscribe: before PostgreSQL 16 only a superuser may. Name one in OWNER_DATABASE_URL or OWNER_DATABASES, ${OFFLINE}.`
        : `The migrating login of "${name}" may not subscribe: it must be a superuser, or have pg_create_subscription, CREATE on the database and BYPASSRLS; ${OFFLINE}.`,
    );
  }
  if (!state.super && state.logs) {
    refuse(
      `The server of "${name}" would log a password: set log_statement to none for the migrating login, ${OFFLINE}.`,
    );
  }
  if (state.origins < 1 || state.workers < 1) {
    const setting =
      state.workers < 1
        ? 'max_logical_replication_workers'
        : state.version < 180_000
          ? 'max_replication_slots'
          : 'max_active_replication_origins';
    refuse(`The server of "${name}" needs one more ${setting}: raise the setting, ${OFFLINE}.`);
  }
}

/**
 * Checks everything that logical replication of one tenant needs, on both servers, before anything is
 * created.
 *
 * @throws OperatorError `precondition_failed` with the missing requirement and a way to fulfil it
 */
export async function assertReplicable({ source, target, tenant }: Move): Promise<void> {
  await withAdminConnection(source.owner, async (client) => {
    await assertCallable(client, source.name, CALLED.source);
    await assertSource(client, source.name);
    await assertPartitions(client, tenant.schema);
    await assertIdentities(client, tenant.schema);
    await assertBound(client, tenant.schema);
  });
  await withAdminConnection(target.owner, async (client) => {
    await assertCallable(client, target.name, CALLED.target);
    await assertTarget(client, target.name);
  });
}
