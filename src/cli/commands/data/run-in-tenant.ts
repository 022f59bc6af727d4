import path from 'node:path';
import { types } from 'node:util';
import { sql } from 'slonik';
import { z } from 'zod';

import { translateViolation } from '../../../db/violations.ts';
import { OperatorError } from '../../../errors.ts';
import { postgresSentence } from '../../../tenancy/context/run-statement.ts';
import { type TenantTransaction, withTenant } from '../../../tenancy/context/with-tenant.ts';
import type { TenancyProject } from '../../../tenancy/registry/project.ts';
import { SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';
import {
  effectiveSettings,
  settingsSchemaOf,
  type TenantSettings,
} from '../../../tenancy/registry/tenant-settings.ts';
import type { OpenTenant } from '../../framework/tenant-database.ts';

/** An error in an operator's own code. Its message has the stack. */
export class ScriptFailed extends OperatorError {
  override readonly name = 'ScriptFailed';

  constructor(thrown: unknown) {
    super('command_failed', describeThrown(thrown), { cause: thrown });
  }
}

const FRAME = /^\s+at /;

const ENGINE = ['cli', 'db', 'tenancy'].map((folder) => path.join(import.meta.dirname, '../../..', folder));

const isOwn = (frame: string): boolean =>
  !/node:|[\\/]node_modules[\\/]/.test(frame) && !ENGINE.some((folder) => frame.includes(folder));

/** The call sites of a transaction's methods: the stack of a query's own error ends inside Slonik. */
const callSites = new WeakMap<object, string>();

/** Returns the transaction with methods that record their call sites, for `describeThrown`. */
const withCallSites = (tx: TenantTransaction): TenantTransaction =>
  new Proxy(tx, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') {
        return method;
      }
      return (...args: unknown[]): unknown => {
        const { stack = '' } = new Error();
        const result: unknown = Reflect.apply(method, target, args);
        return result instanceof Promise
          ? result.catch((error: unknown) => {
              if (types.isNativeError(error)) {
                callSites.set(error, stack);
              }
              throw error;
            })
          : result;
      };
    },
  });

/**
 * Returns what the author of a script needs: PostgreSQL's message for its errors, otherwise the
 * error's own, and the lines of the stack outside the engine.
 */
export function describeThrown(thrown: unknown): string {
  // Errors of the shell belong to another realm.
  if (!types.isNativeError(thrown)) {
    return `Thrown: ${JSON.stringify(thrown) ?? String(thrown)}`;
  }
  const frames = (callSites.get(thrown) ?? thrown.stack ?? '').split('\n').filter((line) => FRAME.test(line));
  const own = frames.filter(isOwn);
  const sentence = postgresSentence(thrown) ?? `${thrown.name}: ${thrown.message}`;
  return [sentence, ...(own.length > 0 ? own : frames)].join('\n');
}

/**
 * Runs an operator's code in one transaction inside a tenant, with the service's login, as for a
 * request of the tenant.
 *
 * @throws ScriptFailed for errors of `work`
 * @throws DomainError when the tenant cannot be entered or the commit fails
 */
export async function runInTenant<T>(
  { tenantDatabase, tenant }: Pick<OpenTenant, 'tenantDatabase' | 'tenant'>,
  { readOnly }: { readOnly: boolean },
  work: (tx: TenantTransaction) => Promise<T>,
): Promise<T> {
  // The default of 10 lines does not reach beyond the driver.
  Error.stackTraceLimit = 100;
  try {
    return await withTenant(tenantDatabase, { tenant, readOnly }, async (tx) => {
      try {
        return await work(withCallSites(tx));
      } catch (error) {
        throw new ScriptFailed(error);
      }
    });
  } catch (error) {
    if (error instanceof ScriptFailed) {
      throw error;
    }
    const sentence = postgresSentence(error);
    throw sentence === null ? translateViolation(error) : new OperatorError('command_failed', sentence);
  }
}

const row = z.object({ settings: z.record(z.string(), z.unknown()) }).strict();

/** The effective settings of a tenant: those of the engine, and those of the apps by name. */
export type ScriptSettings = TenantSettings & Readonly<Record<string, unknown>>;

/**
 * Returns the tenant's settings: those of the environment, overridden by its own. Nothing else of
 * the configuration.
 */
export async function readSettings(open: OpenTenant, project: TenancyProject): Promise<ScriptSettings> {
  const { settings } = await runInTenant(open, { readOnly: true }, (tx) =>
    tx.one(sql.type(row)`
      select settings
      from tenancy.my_tenant()
    `),
  );
  const known = settingsSchemaOf(project);
  const defaults: Readonly<Record<string, unknown>> = open.config;
  const effective = effectiveSettings(known, defaults, { isSite: open.schema === SITE_SCHEMA }, settings);
  return Object.fromEntries(
    Object.keys(known.shape).map((name) => [name, effective[name]]),
  ) as ScriptSettings;
}
