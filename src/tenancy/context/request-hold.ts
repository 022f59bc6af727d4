import { setTimeout as delay } from 'node:timers/promises';

import { Unavailable } from '../../errors.ts';
import type { TenantId } from '../registry/tenant.ts';

export type RequestHold = Readonly<{
  /**
   * Called when a tenant may be about to be locked, for at most `seconds`. The next requests wait
   * until a check finds it open.
   */
  hold: (tenant: TenantId, seconds: number) => void;
  /**
   * Resolves immediately if the tenant is not held, otherwise when it can be entered again.
   *
   * @throws Unavailable `tenant_busy` when the wait takes too long or too many requests wait
   */
  wait: (tenant: TenantId) => Promise<void>;
}>;

/** Milliseconds between the notification of a move and the first check whether it has ended. */
const FIRST_CHECK_MS = 400;
const CHECK_MS = 100;

/** Maximum seconds that a request waits, regardless of the notification. */
const MAX_SECONDS = 30;

/** Maximum number of waiting requests of one tenant. Each holds a socket. */
const MAX_WAITING = 1_000;

const rejection = (): Unavailable =>
  new Unavailable('tenant_busy', 'This tenant is being moved. Try again shortly.', 2);

/**
 * Creates the hold for requests of a tenant that an operation has locked. They wait in Node and use no
 * connection. One check at a time serves all requests of a tenant.
 */
export function createRequestHold({
  isOpen,
}: {
  isOpen: (tenant: TenantId) => Promise<boolean>;
}): RequestHold {
  const holds = new Map<TenantId, { opened: Promise<boolean>; waiting: number }>();

  const untilOpen = async (tenant: TenantId, until: number): Promise<boolean> => {
    for (let pause = FIRST_CHECK_MS; performance.now() < until; pause = CHECK_MS) {
      await delay(pause, null, { ref: false });
      if (await isOpen(tenant)) {
        return true;
      }
    }
    return false;
  };

  return {
    hold: (tenant, seconds) => {
      if (holds.has(tenant)) {
        return;
      }
      const until = performance.now() + FIRST_CHECK_MS + Math.min(Math.max(seconds, 0), MAX_SECONDS) * 1000;
      const opened = untilOpen(tenant, until).finally(() => holds.delete(tenant));
      holds.set(tenant, { opened, waiting: 0 });
    },
    wait: async (tenant) => {
      const held = holds.get(tenant);
      if (!held) {
        return;
      }
      if (held.waiting >= MAX_WAITING) {
        throw rejection();
      }
      held.waiting += 1;
      if (!(await held.opened)) {
        throw rejection();
      }
    },
  };
}
