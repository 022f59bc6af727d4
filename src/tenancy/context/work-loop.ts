import { setTimeout as wait } from 'node:timers/promises';
import pLimit from 'p-limit';

import type { TenantId } from '../registry/tenant.ts';

/** A tenant on the list of due work. `seen` is the mark that `rescheduleDueWork` takes. */
export type DueTenant = Readonly<{ tenant: TenantId; seen: string }>;

/** Does the due work of one tenant. Returns whether more is due now, and the errors of what failed. */
export type DoDueWork = (due: DueTenant) => Promise<Readonly<{ more: boolean; failures: readonly Error[] }>>;

export type DueWorker = Readonly<{
  /** Looks for due work immediately. Called after a commit that added some. */
  wake: () => void;
  /** Stops the loop. Resolves when the work in progress has ended. */
  close: () => Promise<void>;
}>;

/**
 * Maximum number of tenants whose work is done at the same time, so that one slow tenant does not
 * delay the others.
 */
const MAX_CONCURRENT = 4;
/** Milliseconds for which a tenant is skipped after its work threw an error. */
const RETRY_DELAY_MS = 60_000;

/**
 * Starts a loop that does the due work of all tenants until it is closed. It looks for work when
 * woken, and every `interval` milliseconds for work that another process left.
 */
export function startWorkLoop({
  findDue,
  work,
  interval,
  onFailure,
}: {
  findDue: () => Promise<readonly DueTenant[]>;
  work: DoDueWork;
  interval: number;
  onFailure: (error: unknown, tenant: TenantId | null) => void;
}): DueWorker {
  const closing = new AbortController();
  const limit = pLimit(MAX_CONCURRENT);
  const resting = new Map<TenantId, number>();
  let woken = Promise.withResolvers<void>();

  const serve = async (due: DueTenant): Promise<boolean> => {
    try {
      const { more, failures } = await work(due);
      for (const failure of failures) {
        onFailure(failure, due.tenant);
      }
      return more;
    } catch (error) {
      resting.set(due.tenant, Date.now() + RETRY_DELAY_MS);
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
