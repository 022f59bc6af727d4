import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

import { readSqlFile } from './sql-file.ts';

const CHECKS = path.resolve(import.meta.dirname, '../../sql/checks');

/** Sends one statement, without values, and answers its rows. */
export type Query = (text: string) => Promise<readonly Record<string, unknown>[]>;

const finding = z.strictObject({ object: z.string(), fault: z.string(), remedy: z.string() });

/** One thing that is wrong with a database, and the command that mends it. */
export type Finding = Readonly<z.infer<typeof finding> & { check: string }>;

/** The files of sql/checks/, without their ending. */
export async function checkNames(): Promise<readonly string[]> {
  const files = await readdir(CHECKS);
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => path.basename(file, '.sql'))
    .sort();
}

/** What one file of sql/checks/ finds wrong. `service` is the login of DATABASE_URL. */
export async function runCheck(
  query: Query,
  { check, service }: { check: string; service: string },
): Promise<readonly Finding[]> {
  const rows = await query(await readSqlFile(`checks/${check}.sql`, { service }));
  return rows.map((row) => ({ check, ...finding.parse(row) }));
}

/**
 * What all of sql/checks/ finds wrong: nothing, when the walls stand.
 *
 * Reads the catalogues only, so that both the service's login and the migrating
 * login may ask. One query after the other: start-up has no need of more
 * connections than one.
 */
export async function runChecks(query: Query, { service }: { service: string }): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const check of await checkNames()) {
    findings.push(...(await runCheck(query, { check, service })));
  }
  return findings;
}
