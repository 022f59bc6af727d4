import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { readSqlFile } from './sql/sql-file.ts';

const SQL = path.resolve(import.meta.dirname, '../../sql');

/**
 * Fault: a wall is weakened, and the service does not start. Error: `tenants check` fails and the
 * service logs a warning, but can restart while it is being fixed. Advice: reported by `tenants check`
 * only.
 */
export type Severity = 'fault' | 'error' | 'advice';

/** Every severity, the highest first. */
export const SEVERITIES = ['fault', 'error', 'advice'] as const satisfies readonly Severity[];

const FOLDERS = { fault: 'checks', error: 'errors', advice: 'advice' } as const;

/** Sends one statement without values, and returns its rows. */
export type Query = (text: string) => Promise<readonly Record<string, unknown>[]>;

const finding = z.strictObject({ object: z.string(), fault: z.string(), remedy: z.string() });

/** One problem of a database, and the command that fixes it. */
export type Finding = Readonly<z.infer<typeof finding> & { check: string; severity: Severity }>;

/** Returns the names of the files of sql/checks/, sql/errors/ or sql/advice/, without extension. */
export async function checkNames(severity: Severity = 'fault'): Promise<readonly string[]> {
  const files = await readdir(path.join(SQL, FOLDERS[severity]));
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => path.basename(file, '.sql'))
    .sort();
}

/** Runs one file and returns its findings. `service` is the login of DATABASE_URL. */
export async function runCheck(
  query: Query,
  { check, service, severity = 'fault' }: { check: string; service: string; severity?: Severity },
): Promise<readonly Finding[]> {
  const rows = await query(await readSqlFile(`${FOLDERS[severity]}/${check}.sql`, { service }));
  return rows.map((row) => ({ check, severity, ...finding.parse(row) }));
}

/**
 * Runs all files of a folder and returns their findings; none if the isolation is intact.
 *
 * Reads only the catalogs, so that both the service's login and the migrating login can run it. Runs
 * one query after the other, so that the start needs only one connection.
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
