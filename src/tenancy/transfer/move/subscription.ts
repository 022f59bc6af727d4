import pg from 'pg';

import { libpqUrl } from '../../../db/admin/libpq-url.ts';
import { SQLSTATE } from '../../../db/sqlstate.ts';
import { type DomainError, OperatorError } from '../../../errors.ts';
import type { Database } from '../../registry/databases.ts';
import type { TenantIdentity } from '../../registry/tenant.ts';
import { replicationName } from './replication-name.ts';

/** Prevents logging of the statement, which contains the source's password. */
const UNLOGGED = `
  set local log_statement = 'none';
  set local log_min_duration_statement = -1;
  set local log_min_error_statement = 'panic';
  set local "pg_stat_statements.track_utility" = off`;

const LOGGED = `
  reset log_statement;
  reset log_min_duration_statement;
  reset log_min_error_statement;
  reset "pg_stat_statements.track_utility"`;

/**
 * SQLSTATEs for a login without the right, and for a connection without a password, which requires a
 * superuser.
 */
const NOT_ALLOWED: ReadonlySet<string> = new Set([
  SQLSTATE.INSUFFICIENT_PRIVILEGE,
  SQLSTATE.PROHIBITED_SQL_STATEMENT_ATTEMPTED,
]);

const unreachable = (source: string, target: string, reason: string): DomainError =>
  new OperatorError(
    'precondition_failed',
    `The server of "${target}" cannot subscribe to "${source}" at the address and with the login of the commands: ${reason}. Allow the connection in pg_hba.conf, use an address that both servers reach, or move without --online.`,
  );

const notUnderstood = (source: string, reason: string): DomainError =>
  new OperatorError(
    'precondition_failed',
    `PostgreSQL does not understand the URL of "${source}" (${reason}). Remove that from OWNER_DATABASE_URL or OWNER_DATABASES, or move without --online.`,
  );

const connectionOf = ({ name, owner }: Database): string => {
  if (!owner.connectionString) {
    throw new TypeError(`The database "${name}" has no URL.`);
  }
  return libpqUrl(owner.connectionString);
};

/**
 * Returns an error with the reason of the source, or of the target's libpq, for a failed connection.
 * Other errors are returned unchanged.
 */
function explainRefusal(error: unknown, source: string, target: string): unknown {
  const { code = '', message } = error as { code?: string; message: string };
  const reason = message.split('\n')[0] ?? '';
  if (code === SQLSTATE.SYNTAX_ERROR) {
    return notUnderstood(source, reason);
  }
  return /^(08|28)/.test(code) || NOT_ALLOWED.has(code) ? unreachable(source, target, reason) : error;
}

/**
 * Subscribes a tenant's tables, which the transaction of `client` has created, to their original.
 * Changes arrive when that transaction has been committed and the slot exists. They bypass the
 * policies, as a superuser or a role with BYPASSRLS.
 *
 * PostgreSQL shows the URL with its password to superusers only.
 *
 * @throws OperatorError `precondition_failed` when the target cannot connect to the source
 */
export async function subscribe(
  client: pg.Client,
  { source, target, tenant }: { source: Database; target: Database; tenant: TenantIdentity },
): Promise<void> {
  const name = pg.escapeIdentifier(replicationName(tenant));
  const { rows } = await client.query<{ version: number; super: boolean }>(
    `select current_setting('server_version_num')::integer as version, r.rolsuper as super
     from pg_catalog.pg_roles as r
     where r.rolname = current_user`,
  );
  const { version = 0, super: isSuper = false } = rows[0] ?? {};
  // Version 15 always does this. As the tables' owner, the policies would reject the changes.
  const asSubscriber = version >= 160_000 ? ', run_as_owner = true' : '';
  if (isSuper) {
    await client.query(UNLOGGED);
  }
  try {
    await client.query(
      `create subscription ${name}
       connection ${pg.escapeLiteral(connectionOf(source))}
       publication ${name}
       with (create_slot = false, copy_data = false, disable_on_error = true, slot_name = ${pg.escapeLiteral(replicationName(tenant))}${asSubscriber})`,
    );
  } catch (error) {
    throw explainRefusal(error, source.name, target.name);
  }
  if (isSuper) {
    await client.query(LOGGED);
  }
}

/**
 * Drops a tenant's subscription, if there is one, without its slot, which is on the other server.
 * Received changes stay. Returns whether there was one.
 */
export async function unsubscribe(client: pg.Client, tenant: Pick<TenantIdentity, 'role'>): Promise<boolean> {
  const name = replicationName(tenant);
  const { rows } = await client.query(
    `select
     from pg_catalog.pg_subscription as s
     join pg_catalog.pg_database as d on d.oid = s.subdbid
     where s.subname = $1
       and d.datname = current_database()`,
    [name],
  );
  if (rows.length > 0) {
    const subscription = pg.escapeIdentifier(name);
    await client.query(`alter subscription ${subscription} disable`);
    await client.query(`alter subscription ${subscription} set (slot_name = none)`);
    await client.query(`drop subscription ${subscription}`);
  }
  return rows.length > 0;
}
