import { setTimeout as wait } from 'node:timers/promises';

import { Unavailable } from '../../errors.ts';
import type { TenantId } from '../registry/tenant.ts';

export type RequestHold = Readonly<{
  /** Somebody says that a tenant is about to be locked, for `seconds` at most. A hint: it is asked about. */
  expect: (tenant: TenantId, seconds: number) => void;
  /**
   * Resolves at once, or when the tenant may be entered again.
   *
   * @throws Unavailable `tenant_busy` when that takes too long, or too many wait already
   */
  pass: (tenant: TenantId) => Promise<void>;
}>;

/** Milliseconds between the announcement of a move and the first question whether it is over. */
const HOLD = 400;
const PAUSE = 100;

/** Seconds that anybody waits at most, whatever was announced. */
const LONGEST = 30;

/** Requests of one tenant. Each is an open socket. */
const SEATS = 1_000;

const tired = (): Unavailable =>
  new Unavailable('tenant_busy', 'This tenant is being moved. Try again in a moment.', 2);

/**
 * Where requests wait while their tenant is locked by an operation: in Node, and
 * not on a connection. Whether it is over is asked once for all of them.
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
