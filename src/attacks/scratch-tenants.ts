import { randomBytes } from 'node:crypto';
import pg from 'pg';

import { withAdminConnection } from '../db/admin/admin-connection.ts';
import { OperatorError } from '../errors.ts';
import type { ProofKey } from '../tenancy/context/keys.ts';
import { createTenantWithoutHooks } from '../tenancy/lifecycle/provision.ts';
import { dropRest } from '../tenancy/lifecycle/purge-tenant.ts';
import { loadTenantMigrations } from '../tenancy/migrations/tenant-migrations.ts';
import type { TenancyProject } from '../tenancy/registry/project.ts';
import {
  parseDomainName,
  parseSchemaName,
  type TenantIdentity,
  tenantIdentity,
} from '../tenancy/registry/tenant.ts';
import { CANARY } from './context.ts';
import type { Installation } from './record.ts';

/** The type of scratch tenants. With the form of their names, it distinguishes them from real tenants. */
const TYPE = 'attacked';
const NAMES = '^attacked_[0-9a-f]{12}$';

/** Minutes after which a login that a killed run has left expires. */
const LOGIN_MINUTES = 30;

/** Two tenants, a global table and a key that exist for one run. */
export type Scratch = Installation &
  Readonly<{
    /** Whether the migrating login is a superuser. */
    superuser: boolean;
    acme: TenantIdentity;
    globex: TenantIdentity;
    /** Its name. `createGlobalAttackTable` creates it. */
    globalTable: string;
    key: ProofKey;
    /** A login with the rights of the service's login, if the latter was not given. */
    login: Readonly<{ user: string; password: string }> | null;
  }>;

type Installed = Installation &
  Readonly<{
    service: string;
    database: string;
    superuser: boolean;
  }>;

async function readInstallation(client: pg.Client): Promise<Installed> {
  const { rows: found } = await client.query(
    `select from pg_catalog.pg_class as c where c.oid = to_regclass('tenancy.installation')`,
  );
  const { rows } =
    found.length === 0
      ? { rows: [] }
      : await client.query<Installed>(
          `select
             i.service,
             i.context_mode as "contextMode",
             i.database,
             current_setting('server_version_num')::integer as version,
             array(
               select e.extname::text
               from pg_catalog.pg_extension as e
               join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
               where n.nspname = 'extensions'
             ) as extensions,
             (
               select r.rolsuper
               from pg_catalog.pg_roles as r
               where r.rolname = current_user
             ) as superuser
           from tenancy.installation as i`,
        );
  const [row] = rows;
  if (!row) {
    throw new OperatorError(
      'precondition_failed',
      'The shared schema is not installed in this database. Run `tenants migrate`.',
    );
  }
  if (row.database !== 'main') {
    throw new OperatorError(
      'precondition_failed',
      `This is the database "${row.database}". The attacks need the main database, which has the registry.`,
    );
  }
  return row;
}

const randomName = (): string => `attacked_${randomBytes(6).toString('hex')}`;

/** Creates a login that has exactly the rights of the service's login. */
async function borrowLogin(client: pg.Client, service: string): Promise<NonNullable<Scratch['login']>> {
  const login = {
    user: randomName(),
    password: randomBytes(24).toString('hex'),
  };
  const name = pg.escapeIdentifier(login.user);
  const { rows } = await client.query<{ until: string }>(
    'select (now() + make_interval(mins => $1))::text as until',
    [LOGIN_MINUTES],
  );
  await client.query(
    `create role ${name} login password ${pg.escapeLiteral(login.password)} valid until ${pg.escapeLiteral(rows[0]?.until ?? '')};
     grant ${pg.escapeIdentifier(service)} to ${name}`,
  );
  return login;
}

/**
 * Creates two tenants (the attacked one with a canary as its name and host) and a key with which this
 * process can enter them. No request can reach them: their only host ends in `.invalid`. After an
 * interruption, `removeScratch` removes what exists.
 *
 * @param borrows whether a login with the service's rights is created too
 * @throws OperatorError `precondition_failed` when koa-tenants is not installed
 */
export async function createScratch(
  owner: pg.ClientConfig,
  project: TenancyProject,
  borrows: boolean,
): Promise<Scratch> {
  const migrations = await loadTenantMigrations(project);
  const { service, contextMode, version, extensions, superuser } = await withAdminConnection(
    owner,
    readInstallation,
  );
  // One transaction each: a transaction that has entered a tenant cannot enter another.
  const create = (name: string, domains: readonly string[]): Promise<TenantIdentity> => {
    const schema = parseSchemaName(randomName());
    const tenant = { schema, name, type: TYPE, domains: domains.map(parseDomainName) };
    return createTenantWithoutHooks(owner, service, tenant, { migrations });
  };
  const acme = await create('acme', []);
  const globex = await create(CANARY, [`${CANARY}.invalid`]);
  const key: ProofKey = { id: CANARY, secret: randomBytes(32) };
  const login = await withAdminConnection(owner, async (client) => {
    await client.query('set local role tenancy_owner');
    await client.query(`select tenancy.install_key('proof', $1, $2)`, [key.id, key.secret]);
    await client.query('reset role');
    return borrows ? borrowLogin(client, service) : null;
  });
  return {
    contextMode,
    version,
    extensions,
    superuser,
    acme,
    globex,
    globalTable: randomName(),
    key,
    login,
  };
}

/**
 * Removes what this run and earlier, killed runs have created: first the key and the global table, then
 * each tenant in its own transaction. Returns the number of tenants. No other run may be in progress.
 */
export async function removeScratch(owner: pg.ClientConfig): Promise<number> {
  const tenants = await withAdminConnection(owner, async (client) => {
    await readInstallation(client);
    await client.query('set local role tenancy_owner');
    await client.query(`delete from tenancy.keys as k where k.purpose = 'proof' and k.id = $1`, [CANARY]);
    await client.query('reset role');
    // Named as no table of an app is: by its random name and its comment.
    const { rows: tables } = await client.query<{ name: string }>(
      `select c.relname as name
       from pg_catalog.pg_class as c
       where c.relnamespace = pg_catalog.to_regnamespace('global')
         and c.relkind = 'r'
         and c.relname ~ $1
         and pg_catalog.obj_description(c.oid, 'pg_class') like 'Scratch table of %'`,
      [NAMES],
    );
    await client.query('set local role global_owner');
    for (const { name } of tables) {
      await client.query(`drop table global.${pg.escapeIdentifier(name)}`);
    }
    await client.query('reset role');
    // Only logins of this installation: a login belongs to the whole cluster.
    const { rows: logins } = await client.query<{ name: string }>(
      `select r.rolname as name
       from pg_catalog.pg_roles as r
       join pg_catalog.pg_auth_members as m on m.member = r.oid
       join tenancy.installation as i on i.service = m.roleid::regrole::text
       where r.rolname ~ $1`,
      [NAMES],
    );
    for (const { name } of logins) {
      await client.query(`drop role ${pg.escapeIdentifier(name)}`);
    }
    const { rows } = await client.query(
      `select t.id, t.schema_name as schema, t.role_name as role
       from public.tenants as t
       where t.type = $1
         and t.schema_name ~ $2`,
      [TYPE, NAMES],
    );
    return rows.map((row) => tenantIdentity.parse(row));
  });
  for (const tenant of tenants) {
    await dropRest(owner, tenant);
  }
  return tenants.length;
}
