import { setTimeout as wait } from 'node:timers/promises';

import { Unavailable } from '../../errors.ts';
import type { TenantId } from '../registry/tenant.ts';

export type RequestHold = Readonly<{
  /**
   * Called when a tenant may be about to be locked, for at most `seconds`. The next requests wait
   * until a check finds it open.
   */
  expect: (tenant: TenantId, seconds: number) => void;
  /**
   * Resolves immediately if the tenant is not held, otherwise when it can be entered again.
   *
   * @throws Unavailable `tenant_busy` when the wait takes too long or too many requests wait
   */
  pass: (tenant: TenantId) => Promise<void>;
}>;

/** Milliseconds between the announcement of a move and the first check whether it has ended. */
const HOLD = 400;
const PAUSE = 100;

/** Maximum seconds that a request waits, whatever was announced. */
const LONGEST = 30;

/** Maximum number of waiting requests of one tenant. Each holds a socket. */
const SEATS = 1_000;

const tired = (): Unavailable =>
  new Unavailable('tenant_busy', 'This tenant is being moved. Try again in a moment.', 2);

/**
 * Creates the hold for requests of a tenant that an operation has locked. They wait in Node and use no
 * connection. One check at a time serves all requests of a tenant.
 */
export function createRequestHold({
  isOpen,
}: {
  isOpen: (tenant: TenantId) => Promise<boolean>;
}): RequestHold {
  const closed = new Map<TenantId, { opened: Promise<boolean>; seated: number }>();

  const ask = async (tenant: TenantId, until: number): Promise<boolean> => {
    for (let pause = HOLD; performance.now() < until; pause = PAUSE) {
      await wait(pause, null, { ref: false });
      if (await isOpen(tenant)) {
        return true;
      }
    }
    return false;
  };

  return {
    expect: (tenant, seconds) => {
      if (closed.has(tenant)) {
        return;
      }
      const until = performance.now() + HOLD + Math.min(Math.max(seconds, 0), LONGEST) * 1000;
      const opened = ask(tenant, until).finally(() => closed.delete(tenant));
      closed.set(tenant, { opened, seated: 0 });
    },
    pass: async (tenant) => {
      const room = closed.get(tenant);
      if (!room) {
        return;
      }
      if (room.seated >= SEATS) {
        throw tired();
      }
      room.seated += 1;
      if (!(await room.opened)) {
        throw tired();
      }
    },
  };
}
