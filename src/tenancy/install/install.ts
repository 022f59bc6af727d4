import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { readSqlFile } from '../../db/sql/sql-file.ts';
import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import { OperatorError } from '../../errors.ts';
import type { ProofKey } from '../context/keys.ts';
import { runSharedMigrations, sharedMigrationNames } from '../migrations/run-migrations.ts';
import { loadGlobalMigrations } from '../migrations/tenant-migrations.ts';
import { type LaneLogins, NO_LANE_LOGINS } from '../registry/lane-logins.ts';
import type { TenancyProject } from '../registry/project.ts';
import { extensionsOf } from '../registry/project.ts';
import { installExtensions } from './extensions.ts';
import { runGlobalMigrations } from './global-migrations.ts';
import { grantServiceLogin } from './grant-service-login.ts';
import { installLaneLogins } from './lane-logins.ts';

export type ContextMode = 'guarded' | 'signed';

export type Installation = Readonly<{
  /** The login of DATABASE_URL. Created with `servicePassword` if it does not exist. */
  service: string;
  servicePassword: string | null;
  keys: readonly ProofKey[];
  /** Name of the database in DATABASES. Default: `main`. */
  database?: string;
  /** `auto`: guarded if the migrating login may grant SET on a parameter, otherwise signed. */
  contextMode: ContextMode | 'auto';
  /** The logins of the pool shards. Default: none, all use `service`. */
  laneLogins?: LaneLogins;
  /** Its extensions and global tables are installed too. */
  project?: TenancyProject;
}>;

const FUNCTIONS = path.resolve(import.meta.dirname, '../../../sql/shared/functions');

/** The two implementations of the tenant context. One of them is applied. */
const CONTEXTS = ['functions/context-guarded', 'functions/context-signed'];

/** Returns the files of sql/shared/functions/ without their extension, in a fixed order. */
async function functionFiles(): Promise<readonly string[]> {
  const files = await readdir(FUNCTIONS);
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => `functions/${path.basename(file, '.sql')}`)
    .sort();
}

/**
 * Returns a digest of the shared schema that the code expects: its migrations, and the files that are
 * applied again whenever they change.
 */
export async function sharedFingerprint(): Promise<string> {
  const hash = createHash('sha256');
  hash.update((await sharedMigrationNames()).join());
  for (const file of ['roles', 'schemas', ...(await functionFiles()), 'grants', 'hardening', 'extensions']) {
    hash.update(await readSqlFile(`shared/${file}.sql`, { service: 'service', database: 'database' }));
  }
  return hash.digest('hex').slice(0, 16);
}

/** Creates the service's login if it does not exist. */
export async function createServiceLogin(
  client: pg.Client,
  { service, servicePassword }: Pick<Installation, 'service' | 'servicePassword'>,
): Promise<void> {
  const { rows } = await client.query('select from pg_catalog.pg_roles where rolname = $1', [service]);
  if (rows.length === 0) {
    const password = servicePassword ? ` password ${client.escapeLiteral(servicePassword)}` : '';
    await client.query(`create role ${client.escapeIdentifier(service)} login noinherit${password}`);
  }
}

/**
 * Limits the temporary files of the service's login to 1 GiB for each process. Keeps an existing
 * limit, which the operator may have chosen. Only a superuser can set it.
 */
export async function limitTemporaryFiles(client: pg.Client, service: string): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `select format('alter role %I in database %I set temp_file_limit = %L', r.rolname, d.datname, '1GB') as statement
     from pg_catalog.pg_roles as r
     join pg_catalog.pg_database as d on d.datname = current_database()
     where r.rolname = $1
       and not exists (
         select
         from pg_catalog.pg_db_role_setting as s
         cross join lateral unnest(s.setconfig) as c (setting)
         where s.setrole = r.oid
           and s.setdatabase in (0, d.oid)
           and c.setting like 'temp\\_file\\_limit=%'
       )`,
    [service],
  );
  for (const { statement } of rows) {
    await client.query(statement);
  }
}

async function isSuperuser(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ rolsuper: boolean }>(
    'select rolsuper from pg_catalog.pg_roles where rolname = current_user',
  );
  return rows[0]?.rolsuper === true;
}

/** Sends a file of sql/shared/ with its placeholders replaced. */
async function apply(client: pg.Client, file: string, service: string): Promise<void> {
  const { rows } = await client.query<{ database: string }>('select current_database() as database');
  await client.query(await readSqlFile(`shared/${file}.sql`, { service, database: rows[0]?.database ?? '' }));
}

async function chooseContextMode(
  client: pg.Client,
  wanted: Installation['contextMode'],
  service: string,
): Promise<ContextMode> {
  if (wanted !== 'signed') {
    try {
      await client.query('savepoint context_mode');
      await client.query('grant set on parameter backtrace_functions to tenancy_owner');
      await client.query('release savepoint context_mode');
      await asOwner(client, () => apply(client, 'functions/context-guarded', service));
      return 'guarded';
    } catch (error) {
      if (wanted === 'guarded') {
        throw error;
      }
      await client.query('rollback to savepoint context_mode');
    }
  }
  await asOwner(client, () => apply(client, 'functions/context-signed', service));
  return 'signed';
}

async function asOwner<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('set local role tenancy_owner');
  const result = await work();
  await client.query('reset role');
  return result;
}

/**
 * Creates or replaces every function of schema tenancy except the tenant context.
 *
 * Runs before the shared migrations, whose triggers and statements call the
 * functions. The tables that the bodies name may not exist yet, so PostgreSQL does
 * not check the bodies here.
 *
 * @throws OperatorError `precondition_failed` when a function of another shape must be dropped first
 */
async function applyFunctions(client: pg.Client, service: string): Promise<void> {
  await client.query('set local check_function_bodies = off');
  try {
    for (const file of await functionFiles()) {
      if (!CONTEXTS.includes(file)) {
        await apply(client, file, service);
      }
    }
  } catch (error) {
    const { code, hint, message } = error as { code?: string; hint?: string; message: string };
    // A replaced function has another result type or other argument names.
    throw code === SQLSTATE.INVALID_FUNCTION_DEFINITION
      ? new OperatorError(
          'precondition_failed',
          `A function of schema tenancy cannot be replaced: ${message}. ${hint ?? ''}`,
          { cause: error },
        )
      : error;
  }
  await client.query('set local check_function_bodies = on');
}

/**
 * Installs or updates everything that the tenants of a database share: roles, registry, keys,
 * functions, context and hardening, in one transaction. Replaces functions of schema tenancy that were
 * changed by hand.
 *
 * Idempotent. An advisory lock serializes the processes of one database. Another database of the
 * cluster may collide on roles and parameters; this is retried. Returns the context mode in force and
 * the names of the applied shared and global migrations.
 */
export async function installShared(
  owner: pg.ClientConfig,
  installation: Installation,
  attempts = 5,
): Promise<{ contextMode: ContextMode; applied: readonly string[] }> {
  try {
    return await installOnce(owner, installation);
  } catch (error) {
    // "tuple concurrently updated": two databases of one cluster changed the same role or parameter.
    if (attempts > 1 && hasSqlState(error, SQLSTATE.INTERNAL_ERROR)) {
      await wait(100 + Math.random() * 400);
      return installShared(owner, installation, attempts - 1);
    }
    throw error;
  }
}

async function installOnce(
  owner: pg.ClientConfig,
  installation: Installation,
): Promise<{ contextMode: ContextMode; applied: readonly string[] }> {
  const { service, keys } = installation;
  return withAdminConnection(owner, async (client) => {
    const project = installation.project ?? { apps: [], extensions: [] };
    const globalMigrations = await loadGlobalMigrations(project);
    await client.query(`select pg_catalog.pg_advisory_xact_lock(hashtextextended('koa-tenants install', 0))`);
    const hardens = await isSuperuser(client);
    await createServiceLogin(client, installation);
    await apply(client, 'roles', service);
    await apply(client, 'schemas', service);
    const applied = await asOwner(client, async () => {
      await applyFunctions(client, service);
      const names = await runSharedMigrations(client);
      await client.query('reset search_path');
      return names;
    });
    await grantServiceLogin(client, service);
    const contextMode = await chooseContextMode(client, installation.contextMode, service);
    await asOwner(client, async () => {
      await apply(client, 'grants', service);
      await client.query(`delete from tenancy.keys where purpose = 'proof' and id <> all ($1::text[])`, [
        keys.map(({ id }) => id),
      ]);
      for (const { id, secret } of keys) {
        await client.query(`select tenancy.install_key('proof', $1, $2)`, [id, secret]);
      }
      await client.query(
        `insert into tenancy.installation (service, context_mode, fingerprint, database)
         values ($1, $2, $3, $4)
         on conflict (only_row) do update
           set service = excluded.service,
               context_mode = excluded.context_mode,
               fingerprint = excluded.fingerprint,
               database = excluded.database,
               installed_at = now()`,
        [service, contextMode, await sharedFingerprint(), installation.database ?? 'main'],
      );
    });
    if (hardens) {
      await apply(client, 'hardening', service);
      await limitTemporaryFiles(client, service);
    }
    await installLaneLogins(client, owner, installation.laneLogins ?? NO_LANE_LOGINS, { hardens, asOwner });
    if (hardens) {
      for (const { login } of installation.laneLogins?.logins ?? []) {
        await limitTemporaryFiles(client, login);
      }
    }
    await installExtensions(client, extensionsOf(project));
    await apply(client, 'extensions', service);
    const global = await runGlobalMigrations(client, globalMigrations);
    return { contextMode, applied: [...applied, ...global] };
  });
}
