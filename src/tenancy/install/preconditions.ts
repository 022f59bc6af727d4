import { z } from 'zod';

import { type Finding, type Query, runChecks } from '../../db/checks.ts';
import { DomainError } from '../../errors.ts';
import { loadGlobalMigrations } from '../migrations/tenant-migrations.ts';
import { extensionsOf, type TenancyProject } from '../registry/project.ts';
import { type ContextMode, sharedFingerprint } from './install.ts';
import { isOfNewerRelease } from './is-of-newer-release.ts';

export type Preconditions = Readonly<{
  /** Of the service's login, outside any tenant: what it may not do is what is asked. */
  query: Query;
  /** The login of DATABASE_URL. */
  service: string;
  /** What the code expects of the shared schema; `sharedFingerprint()` when it is not given. */
  fingerprint?: string;
  /** Where there is no superuser to harden with, its absence is a warning. */
  allowUnhardened: boolean;
  /** Whose extensions and global tables must be there. */
  project?: TenancyProject;
}>;

const TOLD = 10;

// Asks the catalogue first: a function that is not there would be an error, and
// one that this login may not call another.
const DOORS = `
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

const doors = z.strictObject({ installed: z.boolean(), open: z.boolean() });
// A release before the one that brought it is no newer one.
const CAN_TELL = `select to_regprocedure('tenancy.shared_migrations()') is not null as can`;
const MIGRATIONS = 'select m.name from tenancy.shared_migrations() as m (name)';

/** What these hold of a release is nothing that a newer one must be. */
const OF_THIS_RELEASE = ['rewritten-functions', 'tenancy-rights'];

const NEWER: Finding = {
  check: 'release',
  severity: 'advice',
  object: 'schema tenancy',
  fault: 'is of a newer release than this code, and its functions and grants were not looked at',
  remedy: 'Run that release.',
};

const version = z.strictObject({
  fingerprint: z.string(),
  contextMode: z.enum(['guarded', 'signed'] satisfies ContextMode[]),
});

async function readVersion({ query, service }: Preconditions): Promise<z.infer<typeof version>> {
  const [found] = await query(DOORS);
  const { installed, open } = doors.parse(found);
  if (installed && !open) {
    throw new DomainError(
      'precondition_failed',
      `The login ${service} may not call tenancy.version(): the database is installed for another login. Run \`make migrate\` with this DATABASE_URL.`,
    );
  }
  const [row] = installed ? await query(VERSION) : [];
  if (!row) {
    throw new DomainError(
      'precondition_failed',
      'The shared schema is not installed in this database: run `make migrate`.',
    );
  }
  return version.parse(row);
}

async function isNewer(query: Query): Promise<boolean> {
  const [told] = await query(CAN_TELL);
  if (!z.strictObject({ can: z.boolean() }).parse(told).can) {
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
  const migrations = await loadGlobalMigrations(project);
  const applied = migrations.length > 0 ? await read(GLOBAL_MIGRATIONS) : [];
  return [
    ...wanted
      .filter((name) => !installed.includes(name))
      .map((name) => `  extension ${name} is not in schema extensions. Fix it: make migrate`),
    ...migrations
      .filter(({ name }) => !applied.includes(name))
      .map(({ name }) => `  global migration ${name} was not applied. Fix it: make migrate`),
  ];
}

const line = ({ object, fault, remedy }: Finding): string => `  ${object} ${fault}. Mend it: ${remedy}`;

/**
 * Refuses to serve from a database whose walls do not stand, or that is not what
 * the code expects. One of a newer release may be served from: its migrations are
 * such that the code before can live with them, or no deploy could be rolled back.
 * Answers which context mode is in force, the fingerprint of what is installed, and what
 * is wrong but allowed.
 *
 * @throws DomainError `precondition_failed`, naming every object and the command that mends it.
 */
export async function assertPreconditions(
  preconditions: Preconditions,
): Promise<{ contextMode: ContextMode; fingerprint: string; warnings: readonly Finding[] }> {
  const { query, service, allowUnhardened } = preconditions;
  const expected = preconditions.fingerprint ?? (await sharedFingerprint());
  const { contextMode, fingerprint } = await readVersion(preconditions);
  const newer = fingerprint !== expected && (await isNewer(query));
  const findings = await runChecks(query, { service, except: newer ? OF_THIS_RELEASE : [] });
  const errors = await runChecks(query, { service, severity: 'error' });
  const allowed = ({ check }: Finding): boolean => allowUnhardened && check === 'unhardened';
  const faults = findings.filter((found) => !allowed(found));
  const lines = faults.map(line);
  if (preconditions.project && (fingerprint === expected || newer)) {
    lines.unshift(...(await findMissing(query, preconditions.project)));
  }
  if (fingerprint !== expected && !newer) {
    lines.unshift(
      `  schema tenancy is at ${fingerprint} and the code at ${expected}. Mend it: make migrate, with the code that is to run`,
    );
  }
  if (lines.length > 0) {
    const more = lines.length > TOLD ? [`  and ${lines.length - TOLD} more`] : [];
    throw new DomainError(
      'precondition_failed',
      ['The database is not safe to serve from:', ...lines.slice(0, TOLD), ...more].join('\n'),
    );
  }
  return {
    contextMode,
    fingerprint,
    warnings: [...(newer ? [NEWER] : []), ...findings.filter(allowed), ...errors],
  };
}
