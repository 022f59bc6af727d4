import pg from 'pg';
import { z } from 'zod';

import { connectionAs } from '../../db/admin/connection-config.ts';
import type { Finding, Query } from '../../db/checks.ts';
import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import { OperatorError } from '../../errors.ts';
import type { LaneLogin, LaneLogins } from '../registry/lane-logins.ts';
import { membershipOptions } from './membership.ts';

/** Whether the server accepts the password of an existing login. */
async function acceptsPassword(owner: pg.ClientConfig, { login, password }: LaneLogin): Promise<boolean> {
  const { connectionString } = owner;
  const client = new pg.Client(
    connectionString
      ? connectionAs(connectionString, { login, password })
      : { ...owner, user: login, password },
  );
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch (error) {
    // A login that may not connect to this database yet has passed the check of its password.
    return !hasSqlState(error, SQLSTATE.INVALID_PASSWORD, SQLSTATE.INVALID_AUTHORIZATION_SPECIFICATION);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Whether the server accepts the passwords of all lanes. */
export async function acceptsLaneLogins(owner: pg.ClientConfig, { logins }: LaneLogins): Promise<boolean> {
  const accepted = await Promise.all(logins.map((lane) => acceptsPassword(owner, lane)));
  return accepted.every((is) => is);
}

/** Creates the login, or changes its password if the server does not accept the configured one. */
async function createLaneLogin(client: pg.Client, owner: pg.ClientConfig, lane: LaneLogin): Promise<void> {
  const { rows } = await client.query('select from pg_catalog.pg_roles where rolname = $1', [lane.login]);
  const login = client.escapeIdentifier(lane.login);
  const password = client.escapeLiteral(lane.password);
  if (rows.length === 0) {
    await client.query(`create role ${login} login noinherit password ${password}`);
  } else if (!(await acceptsPassword(owner, lane))) {
    await client.query(`alter role ${login} password ${password}`);
  }
}

/** Returns SQL that makes a login a member of a tenant's role. `options` are those of `membershipOptionsOf`. */
export const grantRoleSql = (role: string, login: string, options: string): string =>
  `grant ${pg.escapeIdentifier(role)} to ${pg.escapeIdentifier(login)}${options}`;

/** Makes the login of each lane a member of its tenants' roles. Adds members only, see `revokeForeignRoles`. */
async function grantTenantRoles(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `select format('grant %I to %I%s', r.rolname, s.rolname, $1::text) as statement
     from public.tenants as t
     join pg_catalog.pg_roles as r on r.rolname = t.role_name
     join pg_catalog.pg_roles as s on s.rolname = tenancy.lane_login(t.role_name)
     where not exists (
       select
       from pg_catalog.pg_auth_members as m
       where m.roleid = r.oid
         and m.member = s.oid
     )`,
    [await membershipOptions(client)],
  );
  for (const { statement } of rows) {
    await client.query(statement);
  }
}

/**
 * Creates the logins of the lanes with the rights that they need: to connect, to enter a tenant, and to become the
 * roles of their own tenants. `asOwner` runs its work as tenancy_owner. Without logins, it only deletes the rows of
 * former ones, which `checkLaneLogins` then reports.
 */
export async function installLaneLogins(
  client: pg.Client,
  owner: pg.ClientConfig,
  { logins, shared }: LaneLogins,
  {
    hardens,
    asOwner,
  }: { hardens: boolean; asOwner: (client: pg.Client, work: () => Promise<void>) => Promise<void> },
): Promise<void> {
  for (const lane of logins) {
    await createLaneLogin(client, owner, lane);
    const login = client.escapeIdentifier(lane.login);
    const { rows } = await client.query<{ database: string }>('select current_database() as database');
    await client.query(
      `grant connect on database ${client.escapeIdentifier(rows[0]?.database ?? '')} to ${login}`,
    );
    if (hardens) {
      await client.query(`grant execute on function pg_catalog.set_config(text, text, boolean) to ${login}`);
    }
  }
  await asOwner(client, async () => {
    await client.query('delete from tenancy.lane_logins');
    for (const [lane, { login }] of logins.entries()) {
      await client.query('insert into tenancy.lane_logins (lane, login, is_shared) values ($1, $2, $3)', [
        lane,
        login,
        lane < shared,
      ]);
      await client.query(
        `grant execute on function tenancy.enter(uuid, bigint, text) to ${client.escapeIdentifier(login)}`,
      );
    }
  });
  await grantTenantRoles(client);
}

/**
 * Returns SQL that makes the login of a tenant's lane a member of the tenant's role. Sends nothing without logins of
 * lanes. `options` are those of `membershipOptionsOf`.
 */
export const grantToLaneSql = (role: string, options: string): string => `
  do $lane$
  declare
    v_login constant text := tenancy.lane_login(${pg.escapeLiteral(role)});
  begin
    if v_login is not null then
      execute format('grant %I to %I${options}', ${pg.escapeLiteral(role)}, v_login);
    end if;
  end
  $lane$`;

const FOREIGN = `
  select r.rolname as role, s.rolname as login
  from tenancy.lane_logins as l
  join pg_catalog.pg_roles as s on s.rolname = l.login
  join pg_catalog.pg_auth_members as m on m.member = s.oid
  join pg_catalog.pg_roles as r on r.oid = m.roleid
  -- Another database of the cluster has tenants of its own.
  join public.tenants as t on t.role_name = r.rolname
  where tenancy.login_of(t.id, t.lane) is distinct from l.login
    and ($1::text is null or r.rolname = $1)
  order by s.rolname, r.rolname`;

type Membership = { role: string; login: string };

/** Removes logins of lanes from the roles of other lanes' tenants: of one role, or of all. Returns their number. */
export async function revokeForeignRoles(client: pg.ClientBase, role: string | null): Promise<number> {
  const { rows } = await client.query<Membership>(FOREIGN, [role]);
  for (const foreign of rows) {
    await client.query(
      `revoke ${pg.escapeIdentifier(foreign.role)} from ${pg.escapeIdentifier(foreign.login)}`,
    );
  }
  return rows.length;
}

/**
 * Returns findings for logins of lanes that may become a tenant of another lane, and for former ones. Reads the
 * registry, which the service may not: for `tenants check` only.
 */
export async function checkLaneLogins(client: pg.ClientBase): Promise<readonly Finding[]> {
  const foreign = await client.query<Membership>(FOREIGN, [null]);
  const former = await client.query<{ login: string }>(`
    select r.rolname as login
    from pg_catalog.pg_proc as p
    cross join lateral aclexplode(p.proacl) as a
    join pg_catalog.pg_roles as r on r.oid = a.grantee
    cross join tenancy.installation as i
    where p.oid = 'tenancy.enter(uuid, bigint, text)'::regprocedure
      and r.oid <> p.proowner
      and r.rolname <> i.service
      and not exists (
        select
        from tenancy.lane_logins as l
        where l.login = r.rolname
      )
    order by r.rolname
  `);
  const finding = { check: 'lane-logins', severity: 'error' as const };
  return [
    ...foreign.rows.map(({ role, login }) => ({
      ...finding,
      object: `role ${role}`,
      fault: `may be used by the login ${login} of another lane`,
      remedy: 'tenants revoke-lanes, when no process runs with the former LANES or LANE_LOGINS',
    })),
    ...former.rows.map(({ login }) => ({
      ...finding,
      object: `role ${login}`,
      fault: 'may enter tenants, and is not in LANE_LOGINS',
      remedy: `when no process uses it: drop owned by ${pg.escapeIdentifier(login)}; drop role ${pg.escapeIdentifier(login)}`,
    })),
  ];
}

const lanes = z.array(z.strictObject({ login: z.string(), is_shared: z.boolean() }));

/**
 * Checks that the database has the lanes of LANE_LOGINS and LANES: with others, requests would be sent with a login
 * that may not become their tenant.
 *
 * @throws OperatorError `precondition_failed`
 */
export async function assertLaneLogins(query: Query, { logins, shared }: LaneLogins): Promise<void> {
  const found = lanes.parse(await query('select l.login, l.is_shared from tenancy.list_lanes() as l'));
  const expected = logins.map(({ login }, lane) => ({ login, is_shared: lane < shared }));
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    throw new OperatorError(
      'precondition_failed',
      'LANES or LANE_LOGINS differ from those of the last `tenants migrate`. Run it with these settings.',
    );
  }
}
