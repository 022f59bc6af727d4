import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { type DomainError, OperatorError } from '../../errors.ts';
import { installShared } from '../install/install.ts';
import { acceptsLaneLogins } from '../install/lane-logins.ts';
import { type ContextMode, sharedFingerprint } from '../install/shared-files.ts';
import { provisionTenant } from '../lifecycle/provision.ts';
import { loadGlobalMigrations } from '../migrations/tenant-migrations.ts';
import { NO_LANE_LOGINS } from '../registry/lane-logins.ts';
import { extensionsOf } from '../registry/project.ts';
import { noSuchTenant } from '../registry/registry.ts';
import { SITE_SCHEMA } from '../registry/tenant.ts';
import {
  deleteDigests,
  type FileDigest,
  findChanged,
  findUnrecorded,
  readFileDigests,
  recordDigests,
} from './changed-files.ts';
import { correctStaleRows, findStaleRows } from './find-stale-rows.ts';
import { type Fleet, type FleetState, readFleetState } from './fleet-state.ts';
import { type MigrateOptions, type ResolvedOptions, withDefaults } from './migrate-options.ts';
import { deleteFailures, migrateTenants } from './migrate-tenants.ts';
import type { Draft, MigrationReport } from './migration-report.ts';

export type { Fleet } from './fleet-state.ts';
export type { MigrateOptions } from './migrate-options.ts';
export { type MigrationReport, MigrationStopped } from './migration-report.ts';

const ofNewerRelease = (what: string): DomainError =>
  new OperatorError(
    'precondition_failed',
    `The shared schema belongs to a newer release than this code. Change ${what} with \`migrate\` of that release.`,
  );

/** Whether the database has the lanes of the configuration. Passwords are not compared. */
function hasLanes({ laneLogins: found }: FleetState, { laneLogins = NO_LANE_LOGINS }: Fleet): boolean {
  const { logins, shared } = laneLogins;
  return (
    found.length === logins.length &&
    logins.every(({ login }, lane) => found[lane]?.login === login && found[lane]?.isShared === lane < shared)
  );
}

/**
 * Whether the shared schema differs from the code or from the configuration, or lacks an extension or
 * a global migration of the project. One of a newer release is not changed.
 *
 * @throws OperatorError `precondition_failed` when the configuration requires a change to one of a newer
 *   release
 */
export async function isOutdated(state: FleetState | null, fleet: Fleet): Promise<boolean> {
  if (!state) {
    return true;
  }
  const isConfigured =
    state.service === fleet.service &&
    hasLanes(state, fleet) &&
    state.keysKnown &&
    (fleet.contextMode === 'auto' || fleet.contextMode === state.contextMode);
  if (state.newer) {
    if (!isConfigured) {
      throw ofNewerRelease('keys, logins or context mode');
    }
    return false;
  }
  const lacks =
    extensionsOf(fleet.project).some((name) => !state.extensions.includes(name)) ||
    (await loadGlobalMigrations(fleet.project)).some(({ name }) => !state.global.includes(name));
  return lacks || !isConfigured || state.fingerprint !== (await sharedFingerprint());
}

/**
 * Migrates the shared schema and every tenant of a database to the code's version, one transaction for
 * each tenant. If nothing is pending it sends one query, whatever the number of tenants.
 *
 * A tenant that fails stays unchanged, and its error is recorded; earlier tenants keep their changes.
 * Running it again continues from there, also after a crash. Concurrent runs share the work.
 *
 * @throws DomainError `tenant_not_found` when `schema` names none, `usage_invalid` when `to` does
 * @throws MigrationStopped `migration_failed`, with the report, when a tenant failed;
 *   `migration_pending` when `confirm` returned false
 */
export async function migrate(
  owner: pg.ClientConfig,
  fleet: Fleet,
  given: MigrateOptions = {},
): Promise<MigrationReport> {
  const options = await withDefaults(fleet.project, given);
  const { shared, tenants, schema, fake } = options;
  let state = await readFleetState(owner, fleet, options);
  const newer = state?.newer ?? false;
  if (options.reinstall && newer) {
    throw ofNewerRelease('it');
  }
  const outdated =
    options.reinstall ||
    (await isOutdated(state, fleet)) ||
    // The database does not show passwords.
    (shared && !newer && !fake && !(await acceptsLaneLogins(owner, fleet.laneLogins ?? NO_LANE_LOGINS)));
  let installed: { contextMode: ContextMode; applied: readonly string[] } | null = null;
  if (outdated) {
    if (!shared || fake) {
      throw new OperatorError(
        'precondition_failed',
        'The shared schema is older than the code. Run `migrate --shared` first.',
      );
    }
    installed = await installShared(owner, fleet);
    state = await readFleetState(owner, fleet, options);
  }
  // Only main has a public site: further databases have no domains for one.
  if (shared && state && !state.hasSite && fleet.siteDomains.length > 0) {
    await provisionTenant(owner, fleet, {
      schema: SITE_SCHEMA,
      name: 'Public site',
      domains: fleet.siteDomains,
    });
  }
  if (schema !== null && !state?.named) {
    throw noSuchTenant(schema);
  }
  const report: Draft = {
    contextMode: installed?.contextMode ?? state?.contextMode ?? 'signed',
    installed: outdated,
    newer,
    shared: [...(installed?.applied ?? [])],
    tenants: [],
    concurrent: [],
    undone: [],
    failures: [],
    changed: [],
    left: 0,
  };
  if (tenants && options.histories) {
    // Before anything can fail: a later run finds these tenants by their rows.
    await correctStaleRows(owner, await findStaleRows(owner, options));
    state = await readFleetState(owner, fleet, options);
  }
  if (tenants && state && !state.newer && options.to === undefined && state.recovered.length > 0) {
    await deleteFailures(owner, state.recovered);
  }
  try {
    if (tenants && state && state.behind.length > 0) {
      await migrateTenants(owner, state.behind, options, report);
    }
  } finally {
    if (state) {
      await compareFiles(owner, fleet, state, options, report);
    }
  }
  return report;
}

/**
 * Adds to the report the applied migrations whose files have changed, and records the digests of those
 * that were applied and have none. Sends nothing if all are recorded.
 */
async function compareFiles(
  owner: pg.ClientConfig,
  { project }: Fleet,
  state: FleetState,
  { migrations, schema, tenants, to, acceptChanged }: ResolvedOptions,
  report: Draft,
): Promise<void> {
  const digests = await readFileDigests(project, migrations);
  const changed = findChanged(digests, state.digests);
  // No tenant has them any more.
  const undone =
    schema === null && report.failures.length === 0 && report.left === 0
      ? report.undone.flatMap(({ applied }) => applied)
      : [];
  const ran = new Set([...report.tenants, ...report.concurrent].flatMap(({ applied }) => applied));
  // Only the whole fleet shows that a migration which did not run now was applied before.
  const allCurrent =
    tenants && schema === null && to === undefined && report.failures.length === 0 && report.left === 0;
  const isApplied = ({ kind, name }: FileDigest): boolean => {
    if (kind !== 'tenant') {
      return state[kind].includes(name);
    }
    const on = migrations.find((migration) => migration.name === name)?.on ?? [];
    return (
      ran.has(name) ||
      (allCurrent && ((state.hasTenants && on.includes('tenant')) || (state.hasSite && on.includes('site'))))
    );
  };
  const toRecord = [
    ...findUnrecorded(digests, state.digests).filter(isApplied),
    ...(acceptChanged ? digests.filter(({ name }) => changed.some((file) => file.name === name)) : []),
  ];
  if (!acceptChanged) {
    report.changed.push(...changed.filter(({ name }) => !undone.includes(name)));
  }
  if (!state.newer && (toRecord.length > 0 || undone.length > 0)) {
    await withAdminConnection(owner, async (client) => {
      await recordDigests(client, toRecord);
      await deleteDigests(client, undone);
    });
  }
}
