import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import type { ProofKey } from '../context/keys.ts';
import { runSharedMigrations } from '../migrations/run-migrations.ts';
import { loadGlobalMigrations } from '../migrations/tenant-migrations.ts';
import { type LaneLogins, NO_LANE_LOGINS } from '../registry/lane-logins.ts';
import type { TenancyProject } from '../registry/project.ts';
import { extensionsOf } from '../registry/project.ts';
import { installExtensions } from './extensions.ts';
import { runGlobalMigrations } from './global-migrations.ts';
import { installLaneLogins } from './lane-logins.ts';
import { createServiceLogin, grantServiceLogin, limitTemporaryFiles } from './service-login.ts';
import {
  applyContext,
  applyFunctions,
  applySharedFile,
  asOwner,
  type ContextMode,
  sharedFingerprint,
} from './shared-files.ts';

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

async function isSuperuser(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ rolsuper: boolean }>(
    'select rolsuper from pg_catalog.pg_roles where rolname = current_user',
  );
  return rows[0]?.rolsuper === true;
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

/** Stores the proof keys, and what this installation belongs to. */
async function recordInstallation(
  client: pg.Client,
  { service, keys, database = 'main' }: Installation,
  contextMode: ContextMode,
): Promise<void> {
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
    [service, contextMode, await sharedFingerprint(), database],
  );
}

async function installOnce(
  owner: pg.ClientConfig,
  installation: Installation,
): Promise<{ contextMode: ContextMode; applied: readonly string[] }> {
  const { service } = installation;
  return withAdminConnection(owner, async (client) => {
    const project = installation.project ?? { apps: [], extensions: [] };
    const globalMigrations = await loadGlobalMigrations(project);
    await client.query(`select pg_catalog.pg_advisory_xact_lock(hashtextextended('koa-tenants install', 0))`);
    const hardens = await isSuperuser(client);
    await createServiceLogin(client, installation);
    await applySharedFile(client, 'roles', service);
    await applySharedFile(client, 'schemas', service);
    const applied = await asOwner(client, async () => {
      await applyFunctions(client, service);
      const names = await runSharedMigrations(client);
      await client.query('reset search_path');
      return names;
    });
    await grantServiceLogin(client, service);
    const contextMode = await applyContext(client, installation.contextMode, service);
    await asOwner(client, async () => {
      await applySharedFile(client, 'grants', service);
      await recordInstallation(client, installation, contextMode);
    });
    if (hardens) {
      await applySharedFile(client, 'hardening', service);
      await limitTemporaryFiles(client, service);
    }
    await installLaneLogins(client, owner, installation.laneLogins ?? NO_LANE_LOGINS, { hardens, asOwner });
    if (hardens) {
      for (const { login } of installation.laneLogins?.logins ?? []) {
        await limitTemporaryFiles(client, login);
      }
    }
    await installExtensions(client, extensionsOf(project));
    await applySharedFile(client, 'extensions', service);
    const global = await runGlobalMigrations(client, globalMigrations);
    return { contextMode, applied: [...applied, ...global] };
  });
}
