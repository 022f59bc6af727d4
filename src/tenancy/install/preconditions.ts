import { z } from 'zod';

import { type Finding, type Query, runChecks } from '../../db/checks.ts';
import { OperatorError } from '../../errors.ts';
import { listGlobalMigrations } from '../migrations/migration-files.ts';
import { extensionsOf, type TenancyProject } from '../registry/project.ts';
import { FLEET_CHECKS, mayCheckFleetLater } from './fleet-checks.ts';
import { isOfNewerRelease } from './is-of-newer-release.ts';
import { type ContextMode, sharedFingerprint } from './shared-files.ts';

export type Preconditions = Readonly<{
  /**
   * Runs a statement as the service's login, outside any tenant: the checks examine the rights of this
   * login.
   */
  query: Query;
  /** The login of DATABASE_URL. */
  service: string;
  /** Digest of the shared schema that the code expects. Default: `sharedFingerprint()`. */
  fingerprint?: string;
  /** Whether missing hardening is only a warning, for servers without a superuser. */
  allowUnhardened: boolean;
  /** Whose extensions and global tables must be there. */
  project?: TenancyProject;
  /**
   * With more tenants than this, the fleet checks are left to the caller if their last run had no
   * finding: `fleetChecked` is then false. Default: no limit, all checks run.
   */
  maxTenants?: number;
}>;

const MAX_LISTED = 10;

// Reads the catalog first: calling a function that does not exist, or that this login may not call,
// would be an error.
const ACCESS = `
  select
    coalesce(bool_or(true), false) as installed,
    coalesce(
      bool_and(has_schema_privilege(n.oid, 'usage') and has_function_privilege(p.oid, 'execute')),
      false
    ) as open
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where n.nspname = 'tenancy'
    and p.proname = 'version'
`;
const VERSION = 'select v.fingerprint, v.context_mode as "contextMode" from tenancy.version() as v';

const access = z.strictObject({ installed: z.boolean(), open: z.boolean() });
// A release without this function is not a newer one.
const LISTS_MIGRATIONS = `select to_regprocedure('tenancy.shared_migrations()') is not null as can`;
const MIGRATIONS = 'select m.name from tenancy.shared_migrations() as m (name)';

/** Checks that a newer release cannot pass, because they compare with this release. */
const OF_THIS_RELEASE = ['rewritten-functions', 'tenancy-rights'];

const NEWER: Finding = {
  check: 'release',
  severity: 'advice',
  object: 'schema tenancy',
  fault: 'belongs to a newer release than this code, so its functions and grants were not checked',
  remedy: 'Run that release.',
};

const version = z.strictObject({
  fingerprint: z.string(),
  contextMode: z.enum(['guarded', 'signed'] satisfies ContextMode[]),
});

async function readVersion({ query, service }: Preconditions): Promise<z.infer<typeof version>> {
  const [found] = await query(ACCESS);
  const { installed, open } = access.parse(found);
  if (installed && !open) {
    throw new OperatorError(
      'precondition_failed',
      `The login ${service} cannot call tenancy.version(), because the database was installed for another login. Run \`tenants migrate\` with this DATABASE_URL.`,
    );
  }
  const [row] = installed ? await query(VERSION) : [];
  if (!row) {
    throw new OperatorError(
      'precondition_failed',
      'The shared schema is not installed in this database: run `tenants migrate`.',
    );
  }
  return version.parse(row);
}

async function isNewer(query: Query): Promise<boolean> {
  const [found] = await query(LISTS_MIGRATIONS);
  if (!z.strictObject({ can: z.boolean() }).parse(found).can) {
    return false;
  }
  const names = z.array(z.strictObject({ name: z.string() })).parse(await query(MIGRATIONS));
  return isOfNewerRelease(names.map(({ name }) => name));
}

const INSTALLED_EXTENSIONS = `
  select e.extname::text as name
  from pg_catalog.pg_extension as e
  join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
  where n.nspname = 'extensions'
`;
const GLOBAL_MIGRATIONS = 'select m.name from tenancy.global_migrations() as m (name)';

/** Returns what the project declares and the database lacks, a line for each. */
async function findMissing(query: Query, project: TenancyProject): Promise<readonly string[]> {
  const read = async (text: string): Promise<readonly string[]> =>
    z
      .array(z.strictObject({ name: z.string() }))
      .parse(await query(text))
      .map(({ name }) => name);
  const wanted = extensionsOf(project);
  const installed = wanted.length > 0 ? await read(INSTALLED_EXTENSIONS) : [];
  const migrations = await listGlobalMigrations(project);
  const applied = migrations.length > 0 ? await read(GLOBAL_MIGRATIONS) : [];
  return [
    ...wanted
      .filter((name) => !installed.includes(name))
      .map((name) => `  extension ${name} is not in schema extensions. Fix: tenants migrate`),
    ...migrations
      .filter((name) => !applied.includes(name))
      .map((name) => `  global migration ${name} was not applied. Fix: tenants migrate`),
  ];
}

const line = ({ object, fault, remedy }: Finding): string => `  ${object} ${fault}. Fix: ${remedy}`;

/** Returns the error for failed checks, with at most ten lines. */
function checksFailed(lines: readonly string[]): OperatorError {
  const more = lines.length > MAX_LISTED ? [`  and ${lines.length - MAX_LISTED} more`] : [];
  return new OperatorError(
    'precondition_failed',
    ['The isolation checks failed:', ...lines.slice(0, MAX_LISTED), ...more].join('\n'),
  );
}

/** Returns the error for the findings of checks that ran while the service served. */
export const faultsFound = (findings: readonly Finding[]): OperatorError => checksFailed(findings.map(line));

/**
 * Checks that a database is isolated and is what the code expects. One of a newer release is accepted:
 * its migrations are compatible with the previous code, so that a deployment can be rolled back.
 * Returns the context mode in force, the installed fingerprint, whether all fleet checks ran, and the
 * accepted problems.
 *
 * @throws OperatorError `precondition_failed`, naming every object and the command that fixes it
 */
export async function assertPreconditions(preconditions: Preconditions): Promise<{
  contextMode: ContextMode;
  fingerprint: string;
  fleetChecked: boolean;
  warnings: readonly Finding[];
}> {
  const { query, service, allowUnhardened, maxTenants } = preconditions;
  const expected = preconditions.fingerprint ?? (await sharedFingerprint());
  const { contextMode, fingerprint } = await readVersion(preconditions);
  const newer = fingerprint !== expected && (await isNewer(query));
  const later =
    fingerprint === expected &&
    maxTenants !== undefined &&
    (await mayCheckFleetLater(query, { service, maxTenants }));
  const except = [...(newer ? OF_THIS_RELEASE : []), ...(later ? FLEET_CHECKS : [])];
  const findings = await runChecks(query, { service, except });
  const errors = await runChecks(query, { service, severity: 'error' });
  const allowed = ({ check }: Finding): boolean => allowUnhardened && check === 'unhardened';
  const faults = findings.filter((found) => !allowed(found));
  const lines = faults.map(line);
  if (preconditions.project && (fingerprint === expected || newer)) {
    lines.unshift(...(await findMissing(query, preconditions.project)));
  }
  if (fingerprint !== expected && !newer) {
    lines.unshift(
      `  schema tenancy has fingerprint ${fingerprint}, and the code has ${expected}. Fix: tenants migrate, with the release to run`,
    );
  }
  if (lines.length > 0) {
    throw checksFailed(lines);
  }
  return {
    contextMode,
    fingerprint,
    fleetChecked: !later,
    warnings: [...(newer ? [NEWER] : []), ...findings.filter(allowed), ...errors],
  };
}
