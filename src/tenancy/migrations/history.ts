import pg from 'pg';

import { BECOME_OWNER } from '../context/with-owner-tenant.ts';
import type { Tenant } from '../registry/tenant.ts';

/** Returns the table of a migration history. It is named after the role, which does not change with the schema name. */
const historyTable = ({ role }: Pick<Tenant, 'role'>): string =>
  `tenancy_migrations.${pg.escapeIdentifier(role)}`;

/**
 * Returns SQL that becomes tenant_owner for the transaction, creates the tenant's migration history if
 * it is missing, and selects the applied names as its last result. The history is compatible with
 * node-pg-migrate's own commands.
 */
export const historySql = (tenant: Pick<Tenant, 'role'>): string => `
  ${BECOME_OWNER};
  create table if not exists ${historyTable(tenant)} (
    id integer not null default nextval('tenancy_migrations.ids'),
    name varchar(255) primary key,
    run_on timestamp not null
  );
  select name from ${historyTable(tenant)} order by id`;

/** Returns SQL that adds a migration to the migration history, or removes it. */
export const markSql = (tenant: Pick<Tenant, 'role'>, name: string, direction: 'up' | 'down'): string =>
  direction === 'up'
    ? `insert into ${historyTable(tenant)} (name, run_on) values (${pg.escapeLiteral(name)}, now())`
    : `delete from ${historyTable(tenant)} where name = ${pg.escapeLiteral(name)}`;
