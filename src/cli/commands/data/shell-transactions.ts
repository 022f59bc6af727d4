import { OperatorError } from '../../../errors.ts';
import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import type { OpenTenant } from '../../framework/tenant-database.ts';
import { runInTenant, ScriptFailed } from './run-in-tenant.ts';

const NO_TRANSACTION = 'No transaction is open. .begin starts one.';

/** Creates the functions that run the inputs of a shell: each in a transaction, or all from `begin` to `end` in one. */
export function createShellTransactions(open: OpenTenant, readOnly: boolean) {
  class RolledBack extends Error {}
  let current: Readonly<{
    tx: TenantTransaction;
    end: (how: 'commit' | 'rollback') => void;
    done: Promise<void>;
  }> | null = null;

  const begin = async (): Promise<void> => {
    if (current) {
      throw new OperatorError(
        'usage_invalid',
        'A transaction is already open. .commit or .rollback ends it.',
      );
    }
    const started = Promise.withResolvers<TenantTransaction>();
    const ending = Promise.withResolvers<'commit' | 'rollback'>();
    const done = runInTenant(open, { readOnly }, async (tx) => {
      started.resolve(tx);
      if ((await ending.promise) === 'rollback') {
        throw new RolledBack();
      }
    }).catch((error: unknown) => {
      started.reject(error);
      if (!(error instanceof ScriptFailed && error.cause instanceof RolledBack)) {
        throw error;
      }
    });
    // It may fail before `end` awaits it.
    done.catch(() => {});
    current = { tx: await started.promise, end: ending.resolve, done };
  };

  const end = async (how: 'commit' | 'rollback'): Promise<void> => {
    if (!current) {
      throw new OperatorError('usage_invalid', NO_TRANSACTION);
    }
    const { end: finish, done } = current;
    current = null;
    finish(how);
    await done;
  };

  const run = async <T>(work: (tx: TenantTransaction) => Promise<T>): Promise<T> => {
    if (!current) {
      return runInTenant(open, { readOnly }, work);
    }
    try {
      return await work(current.tx);
    } catch (error) {
      throw new ScriptFailed(error);
    }
  };

  return {
    run,
    begin,
    end,
    /** Rolls back the open transaction. */
    close: async (): Promise<void> => {
      if (current) {
        await end('rollback');
      }
    },
  };
}
