import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import type pg from 'pg';
import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { libpqUrl } from '../../../db/admin/libpq-url.ts';
import { type DomainError, OperatorError } from '../../../errors.ts';
import { findTenant } from '../../registry/registry.ts';
import type { TableDeclarations } from '../../registry/table-declarations.ts';
import type { SchemaName } from '../../registry/tenant.ts';
import { qualified } from '../copy/tables.ts';
import { readWithheldTables } from '../copy/withheld-tables.ts';
import { writeWholeFile } from './write-whole-file.ts';

const refuse = (why: string): DomainError =>
  new OperatorError(
    'precondition_failed',
    `${why}, or omit --format sql: the tenant format does not need pg_dump.`,
  );

/** Returns the major version of the pg_dump on the path, or null. */
async function pgDumpMajor(): Promise<number | null> {
  const { stdout } = await promisify(execFile)('pg_dump', ['--version']).catch(() => ({ stdout: '' }));
  const major = /(\d+)/.exec(stdout)?.[1];
  return major === undefined ? null : Number(major);
}

/**
 * Returns the URL without its password, which a process list would show, and writes the password to a
 * file.
 */
async function hidePassword(url: string, folder: string): Promise<string> {
  const hidden = new URL(libpqUrl(url));
  if (hidden.password) {
    const password = decodeURIComponent(hidden.password).replaceAll(/[\\:]/g, '\\$&');
    const passfile = path.join(folder, 'pgpass');
    await writeFile(passfile, `*:*:*:*:${password}\n`, { mode: 0o600 });
    hidden.password = '';
    hidden.searchParams.set('passfile', passfile);
  }
  return hidden.href;
}

/**
 * Dumps a tenant as SQL text with pg_dump, for reading or for leaving koa-tenants. psql restores it
 * into a database with the shared schema and roles. Returns the size in bytes.
 *
 * pg_dump reads the whole catalog: its time grows with the number of tenants.
 *
 * @throws DomainError `tenant_not_found`, `file_refused`; `precondition_failed` when there is no
 *   pg_dump of the server's major version or newer, or the login may not bypass row-level security
 */
export async function dumpSql(
  owner: pg.ClientConfig,
  schema: SchemaName,
  { file, overwrite, declarations }: { file: string; overwrite: boolean; declarations: TableDeclarations },
): Promise<{ size: number }> {
  const { server, passes, withheld } = await withAdminConnection(owner, async (client) => {
    await findTenant(client, schema);
    const { rows } = await client.query<{ server: number; passes: boolean }>(
      `select
         current_setting('server_version_num')::integer / 10000 as server,
         r.rolsuper or r.rolbypassrls as passes
       from pg_catalog.pg_roles as r
       where r.rolname = current_user`,
    );
    return {
      server: rows[0]?.server ?? 0,
      passes: rows[0]?.passes === true,
      withheld: [...(await readWithheldTables(client, schema, declarations, 'itself'))],
    };
  });
  if (!passes) {
    throw refuse(
      'The login of OWNER_DATABASE_URL cannot bypass row-level security, which pg_dump requires. Use a superuser or a login with BYPASSRLS',
    );
  }
  const major = await pgDumpMajor();
  if (major === null) {
    throw refuse(`pg_dump is not on PATH. Install the client of PostgreSQL ${server}`);
  }
  if (major < server) {
    throw refuse(
      `pg_dump on PATH is version ${major}, and the server is ${server}. Install the client of PostgreSQL ${server}`,
    );
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'koa-tenants-pg-dump-'));
  try {
    const url = await hidePassword(owner.connectionString ?? '', folder);
    return await writeWholeFile(file, { overwrite }, async (handle) => {
      const without = withheld.map((table) => `--exclude-table-data=${qualified(schema, table)}`);
      const child = spawn('pg_dump', ['--no-password', `--schema=${schema}`, ...without, `--dbname=${url}`], {
        stdio: ['ignore', handle.fd, 'pipe'],
      });
      const [stderr, [code]] = await Promise.all([text(child.stderr as Readable), once(child, 'close')]);
      if (code !== 0) {
        throw refuse(`pg_dump failed (${stderr.trim().split('\n')[0] ?? `exit code ${code}`}). Fix that`);
      }
      return { size: (await handle.stat()).size };
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
