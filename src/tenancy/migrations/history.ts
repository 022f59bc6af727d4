import pg from 'pg';

/** A tenant as its migrations need it. The ledger is named for the role, which no rename of the schema changes. */
export type MigratingTenant = Readonly<{ schema: string; role: string }>;

const ledgerOf = ({ role }: Pick<MigratingTenant, 'role'>): string =>
  `tenancy_migrations.${pg.escapeIdentifier(role)}`;

/**
 * SQL that becomes tenant_owner, for the transaction, makes a tenant's ledger
 * where it is missing and answers the names in it as the last of its results.
 * node-pg-migrate's own tools can read it.
 */
export const historySql = (tenant: Pick<MigratingTenant, 'role'>): string => `
  set local role tenant_owner;
  create table if not exists ${ledgerOf(tenant)} (
    id integer not null default nextval('tenancy_migrations.ids'),
    name varchar(255) primary key,
    run_on timestamp not null
  );
  select name from ${ledgerOf(tenant)} order by id`;

/** SQL that writes a migration into the ledger, or takes it out. */
export const markSql = (
  tenant: Pick<MigratingTenant, 'role'>,
  name: string,
  direction: 'up' | 'down',
): string =>
  direction === 'up'
    ? `insert into ${ledgerOf(tenant)} (name, run_on) values (${pg.escapeLiteral(name)}, now())`
    : `delete from ${ledgerOf(tenant)} where name = ${pg.escapeLiteral(name)}`;
