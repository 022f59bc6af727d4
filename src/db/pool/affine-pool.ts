import type { DatabasePool } from 'slonik';

import { Unavailable } from '../../errors.ts';
import { openUnlimitedPool, type PoolSettings } from './pool.ts';

/** What a transaction or a query of its own needs of a pool. */
export type ConnectionSource = Pick<DatabasePool, 'connect' | 'any'>;

export type AffinePool = Readonly<{
  /**
   * Returns access to the pool for one tenant, which prefers the connection with the index `preferred`, modulo the size,
   * and then the second one that it has used. The methods throw Unavailable `overloaded` when no connection is free in time.
   */
  preferring: (preferred: number) => ConnectionSource;
  state: () => ReturnType<DatabasePool['state']>;
  end: () => Promise<void>;
}>;

type Slot = { readonly index: number; readonly pool: DatabasePool; isBusy: boolean };

/** The first connections that a tenant has used, by index. Its preferred one is among them from the beginning. */
type Used = Set<number>;

type Waiter = {
  readonly used: Used;
  readonly resolve: (slot: Slot) => void;
  readonly timer: NodeJS.Timeout;
  /** Number of later callers that were served before. */
  overtaken: number;
};

/**
 * Maximum number of connections that a tenant prefers. With more, every connection would prepare the statements of every
 * tenant, and close those of the others when its limit is reached.
 */
const MAX_USED = 2;
/** Number of callers that may be served before one that waits longer, because they prefer the freed connection. */
const MAX_OVERTAKEN = 16;
/** Maximum number of waiting callers that are searched for one that prefers the freed connection. */
const MAX_SEARCHED = 100;

/**
 * Opens a pool in which every tenant has preferred connections: a backend keeps plans and 25 kB for every
 * table that it has used, so the same tenant should use the same backends.
 *
 * A caller gets its preferred connection if it is idle, otherwise the second one that its tenant has used, otherwise
 * the next idle one in a fixed order. When all are in use, a freed connection goes to the first waiting caller for whose
 * tenant it is one of these two. A caller that was overtaken 16 times gets the next connection when it is the first in line.
 *
 * Each connection is a Slonik pool of size 1, because Slonik's pool cannot select an idle connection.
 */
export async function openAffinePool(settings: PoolSettings): Promise<AffinePool> {
  const size = settings.maxPoolSize;
  const slots: readonly Slot[] = await Promise.all(
    Array.from({ length: size }, async (_, index) => ({
      index,
      pool: await openUnlimitedPool({ ...settings, maxPoolSize: 1 }),
      isBusy: false,
    })),
  );
  const waiting: Waiter[] = [];

  const findIdle = (preferred: number, used: Used): Slot | undefined => {
    let next: Slot | undefined;
    for (let offset = 0; offset < size; offset += 1) {
      const slot = slots[(preferred + offset) % size];
      if (slot && !slot.isBusy) {
        if (used.has(slot.index)) {
          return slot;
        }
        next ??= slot;
      }
    }
    return next;
  };

  const take = (preferred: number, used: Used): Slot | Promise<Slot> => {
    const idle = findIdle(preferred, used);
    if (idle) {
      idle.isBusy = true;
      return idle;
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(waiter), 1);
        reject(new Unavailable('overloaded', 'The service is overloaded. Try again shortly.', 1));
      }, settings.poolTimeout);
      const waiter = { used, overtaken: 0, resolve, timer };
      waiting.push(waiter);
    });
  };

  const takeWaiter = (slot: Slot): Waiter | undefined => {
    const [first] = waiting;
    if (!first || first.overtaken >= MAX_OVERTAKEN) {
      return waiting.shift();
    }
    const found = waiting.slice(0, MAX_SEARCHED).findIndex(({ used }) => used.has(slot.index));
    for (let at = 0; at < found; at += 1) {
      (waiting[at] as Waiter).overtaken += 1;
    }
    return waiting.splice(Math.max(0, found), 1)[0];
  };

  const release = (slot: Slot): void => {
    const waiter = takeWaiter(slot);
    if (waiter) {
      clearTimeout(waiter.timer);
      waiter.resolve(slot);
    } else {
      slot.isBusy = false;
    }
  };

  const using = async <T>(
    preferred: number,
    used: Used,
    work: (pool: DatabasePool) => Promise<T>,
  ): Promise<T> => {
    const slot = await take(preferred, used);
    if (used.size < MAX_USED) {
      used.add(slot.index);
    }
    try {
      return await work(slot.pool);
    } finally {
      release(slot);
    }
  };

  return {
    preferring: (preferred) => {
      const used: Used = new Set([preferred % size]);
      return {
        connect: (handler) => using(preferred, used, (pool) => pool.connect(handler)),
        any: (query) => using(preferred, used, (pool) => pool.any(query)),
      };
    },
    state: () => {
      const states = slots.map(({ pool }) => pool.state());
      const sum = (name: Exclude<keyof (typeof states)[number], 'state'>): number =>
        states.reduce((total, state) => total + state[name], 0);
      return {
        acquiredConnections: sum('acquiredConnections'),
        idleConnections: sum('idleConnections'),
        pendingConnections: sum('pendingConnections'),
        pendingDestroyConnections: sum('pendingDestroyConnections'),
        pendingReleaseConnections: sum('pendingReleaseConnections'),
        state: states[0]?.state ?? 'ENDED',
        waitingClients: sum('waitingClients') + waiting.length,
      };
    },
    end: async () => {
      await Promise.all(slots.map(({ pool }) => pool.end()));
    },
  };
}
