import { spawn } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';

import { runShell } from '../cli/commands/data/sql-shell.ts';
import type { CliDeps } from '../cli/framework/command.ts';
import { resultTable } from '../cli/framework/result-table.ts';
import { serverAddress } from '../db/admin/server-address.ts';
import { OperatorError } from '../errors.ts';
import { postgresSentence, TEXT_TYPES } from '../tenancy/context/run-statement.ts';

/** Returns the variables of a URL for libpq. A command line would show the password to other users. */
function libpqVariables(url: string): Readonly<Record<string, string>> {
  const { username, password, pathname, searchParams } = new URL(url);
  const { host, port } = serverAddress(url);
  return {
    PGHOST: host,
    PGPORT: port,
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: decodeURIComponent(pathname.slice(1)) || 'postgres',
    ...(searchParams.get('sslmode') ? { PGSSLMODE: searchParams.get('sslmode') ?? '' } : {}),
    ...(searchParams.get('sslrootcert') ? { PGSSLROOTCERT: searchParams.get('sslrootcert') ?? '' } : {}),
  };
}

/** Runs the shell of `tenants sql` on a connection of the admin login, outside the walls. */
export async function runAdminShell(
  url: string,
  { print, stdio }: Pick<CliDeps, 'print' | 'stdio'>,
): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'koa-tenants psql',
    types: TEXT_TYPES,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    await runShell({
      ...stdio,
      schema: client.user ?? 'admin',
      print,
      execute: async (statement) => {
        const { command, fields, rows, rowCount } = await client.query(statement).catch((error: unknown) => {
          const sentence = postgresSentence(error);
          throw sentence === null ? error : new OperatorError('command_failed', sentence);
        });
        const columns = fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID }));
        print(
          columns.length === 0 ? `${command} ${rowCount ?? ''}`.trimEnd() : resultTable({ columns, rows }),
        );
      },
      explain: (error) => (error instanceof Error ? error.message : String(error)),
    });
  } finally {
    await client.end();
  }
}

/**
 * Opens a SQL shell of the admin login, which no wall limits: psql, or without psql a smaller shell.
 *
 * @throws OperatorError `command_failed` when psql or a piped statement fails
 */
export async function runPsql(
  url: string,
  deps: Pick<CliDeps, 'environment' | 'print' | 'note' | 'stdio'>,
): Promise<void> {
  const psql = spawn('psql', [], {
    stdio: 'inherit',
    env: { ...(await deps.environment()), ...libpqVariables(url) },
  });
  const code = await once(psql, 'exit').then(
    ([exitCode]) => exitCode as number | null,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') {
        return 'missing' as const;
      }
      throw error;
    },
  );
  if (code === 'missing') {
    deps.note('psql is not installed. This shell runs statements only; \\? prints its commands.');
    await runAdminShell(url, deps);
  } else if (code !== 0) {
    throw new OperatorError('command_failed', `psql ended with exit code ${code}.`);
  }
}
