import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { readSqlFile } from './sql/sql-file.ts';

const SQL = path.resolve(import.meta.dirname, '../../sql');

/**
 * A fault weakens a wall, and the service does not start with it. An error makes
 * `tenants check` fail and the service log a warning, but a restart must stay possible
 * while it is being fixed. Advice is for `tenants check` alone.
 */
export type Severity = 'fault' | 'error' | 'advice';

/** Every severity, the highest first. */
export const SEVERITIES = ['fault', 'error', 'advice'] as const satisfies readonly Severity[];

const FOLDERS = { fault: 'checks', error: 'errors', advice: 'advice' } as const;

/** Sends one statement, without values, and answers its rows. */
export type Query = (text: string) => Promise<readonly Record<string, unknown>[]>;

const finding = z.strictObject({ object: z.string(), fault: z.string(), remedy: z.string() });

/** One thing that is wrong with a database, and the command that mends it. */
export type Finding = Readonly<z.infer<typeof finding> & { check: string; severity: Severity }>;

/** The files of sql/checks/, sql/errors/ or sql/advice/, without their ending. */
export async function checkNames(severity: Severity = 'fault'): Promise<readonly string[]> {
  const files = await readdir(path.join(SQL, FOLDERS[severity]));
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => path.basename(file, '.sql'))
    .sort();
}

/** What one file finds wrong. `service` is the login of DATABASE_URL. */
export async function runCheck(
  query: Query,
  { check, service, severity = 'fault' }: { check: string; service: string; severity?: Severity },
): Promise<readonly Finding[]> {
  const rows = await query(await readSqlFile(`${FOLDERS[severity]}/${check}.sql`, { service }));
  return rows.map((row) => ({ check, severity, ...finding.parse(row) }));
}

/**
 * What all of a folder finds wrong: nothing, when the walls stand.
 *
 * Reads the catalogues only, so that both the service's login and the migrating
 * login may ask. One query after the other: start-up has no need of more
 * connections than one.
 */
export async function runChecks(
  query: Query,
  {
    service,
    severity = 'fault',
    except = [],
  }: { service: string; severity?: Severity; except?: readonly string[] },
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of await checkNames(severity)) {
    if (!except.includes(check)) {
      findings.push(...(await runCheck(query, { check, service, severity })));
    }
  }
  return findings;
}
