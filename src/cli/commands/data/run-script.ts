import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { sql } from 'slonik';

import { OperatorError } from '../../../errors.ts';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import type { CliDeps } from '../../framework/command.ts';
import { openTenant } from '../../framework/tenant-database.ts';
import {
  describeThrown,
  readSettings,
  runInTenant,
  ScriptFailed,
  type ScriptSettings,
} from './run-in-tenant.ts';

/** The argument of a script. */
export type ScriptContext = Readonly<{
  /** The transaction of the script. It is committed when the script returns. */
  tx: TenantTransaction;
  /** Slonik's template tag. */
  sql: typeof sql;
  schema: string;
  /** The effective settings of the tenant. */
  settings: ScriptSettings;
  /** The arguments of the command line after the name of the script. */
  args: readonly string[];
  /** Prints a line on standard output. */
  print: (line: string) => void;
}>;

/** The default export of a script. A value that it returns is printed as JSON. */
export type TenantScript = (context: ScriptContext) => unknown;

/**
 * Loads the default export of a script.
 *
 * @throws OperatorError `usage_invalid` when the file does not exist or has no default export
 */
async function loadScript(file: string): Promise<TenantScript> {
  const url = pathToFileURL(path.resolve(file)).href;
  let loaded: { default?: unknown };
  try {
    loaded = await import(url);
  } catch (error) {
    const { code, url: missing } = error as { code?: string; url?: string };
    if (code === 'ERR_MODULE_NOT_FOUND' && missing === url) {
      throw new OperatorError('usage_invalid', `The file ${path.resolve(file)} does not exist.`);
    }
    throw new ScriptFailed(error);
  }
  if (typeof loaded.default !== 'function') {
    throw new OperatorError(
      'usage_invalid',
      `${file} has no default export to run. Write: export default async function ({ tx, sql, settings, args }) { … }`,
    );
  }
  return loaded.default as TenantScript;
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_key, each) => (typeof each === 'bigint' ? String(each) : each));
  } catch (error) {
    throw new OperatorError(
      'command_failed',
      `The script's changes were saved, but its return value cannot be written as JSON. ${describeThrown(error)}`,
    );
  }
}

/**
 * Runs the default export of a module in a transaction inside one tenant, and prints its value as JSON.
 *
 * @throws OperatorError `usage_invalid` when the file does not exist or has no default export, and `command_failed`
 *   when the script throws
 */
export async function runScriptInTenant(
  {
    schema: name,
    file,
    args,
    readOnly,
  }: Readonly<{ schema: string; file: string; args: readonly string[]; readOnly: boolean }>,
  deps: CliDeps,
): Promise<void> {
  const script = await loadScript(file);
  const open = await openTenant(name, deps);
  try {
    const settings = await readSettings(open, deps.project);
    const { schema } = open;
    const { print } = deps;
    const value = await runInTenant(open, { readOnly }, async (tx) =>
      script({ tx, sql, schema, settings, args, print }),
    );
    if (value !== undefined) {
      print(toJson(value));
    }
  } finally {
    await open.close();
  }
}
