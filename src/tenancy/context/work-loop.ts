import { setTimeout as wait } from 'node:timers/promises';
import pLimit from 'p-limit';

import type { TenantId } from '../registry/tenant.ts';

/** A tenant on the list of due work. `seen` is the mark that `settleDueWork` takes. */
export type DueTenant = Readonly<{ tenant: TenantId; seen: string }>;

/** Does the due work of one tenant. Returns whether more is due now, and what failed. */
export type DoDueWork = (due: DueTenant) => Promise<Readonly<{ more: boolean; failures: readonly Error[] }>>;

export type DueWorker = Readonly<{
  /** Looks for due work now: a transaction has just added some. */
  wake: () => void;
  /** Resolves when the work in progress has ended. */
  close: () => Promise<void>;
}>;

/** Tenants that are worked for at the same time: the slow work of one does not delay all. */
const AT_ONCE = 4;
/** Milliseconds that a tenant is left out after its work threw an error. */
const REST = 60_000;

/**
 * Does the due work of all tenants until it is closed: when woken, and every `interval` milliseconds for what another
 * process left behind.
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
  const limit = pLimit(AT_ONCE);
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
