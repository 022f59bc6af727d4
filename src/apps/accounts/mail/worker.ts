import { setTimeout as wait } from 'node:timers/promises';
import pLimit from 'p-limit';

import type { TenantId } from '../../../tenancy/registry/tenant.ts';

export type Due = Readonly<{ tenant: TenantId; seen: string }>;

export type MailWorker = Readonly<{
  /** Looks now: a transaction has just put something into an outbox. */
  wake: () => void;
  /** Ends when what is being sent is sent. */
  close: () => Promise<void>;
}>;

/** Tenants whose mail is sent at a time, so that a slow server of one does not hold up all. */
const AT_ONCE = 4;
/** Milliseconds that a tenant is left alone whose outbox could not be read. */
const REST = 60_000;

/**
 * Sends the mail of all tenants, for as long as the process lives: when woken,
 * and every `interval` milliseconds for what another process left behind.
 */
export function startMailWorker({
  findDue,
  deliver,
  interval,
  onFailure,
}: {
  findDue: () => Promise<readonly Due[]>;
  deliver: (due: Due) => Promise<{ more: boolean; failures: readonly Error[] }>;
  interval: number;
  onFailure: (error: unknown, tenant: TenantId | null) => void;
}): MailWorker {
  const closing = new AbortController();
  const limit = pLimit(AT_ONCE);
  const resting = new Map<TenantId, number>();
  let woken = Promise.withResolvers<void>();

  const serve = async (due: Due): Promise<boolean> => {
    try {
      const { more, failures } = await deliver(due);
      for (const failure of failures) {
        onFailure(failure, due.tenant);
      }
      return more;
    } catch (error) {
      resting.set(due.tenant, Date.now() + REST);
      onFailure(error, due.tenant);
      return false;
    }
  };

  const round = async (): Promise<boolean> => {
    const now = Date.now();
    for (const [tenant, until] of resting) {
      if (until <= now) {
        resting.delete(tenant);
      }
    }
    const due = (await findDue()).filter(({ tenant }) => !resting.has(tenant));
    const more = await Promise.all(due.map((one) => limit(serve, one)));
    return more.includes(true);
  };

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      woken = Promise.withResolvers<void>();
      const more = await round().catch((error: unknown) => {
        onFailure(error, null);
        return false;
      });
      if (!more) {
        const pause = interval * (0.75 + Math.random() / 2);
        const slept = wait(pause, null, { ref: false, signal: closing.signal }).catch(() => {});
        await Promise.race([woken.promise, slept]);
      }
    }
  };

  const done = run();
  return {
    wake: () => woken.resolve(),
    close: async () => {
      closing.abort();
      await done;
    },
  };
}
