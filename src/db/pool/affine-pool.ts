import type { DatabasePool } from 'slonik';

import { Unavailable } from '../../errors.ts';
import { openUnlimitedPool, type PoolSettings } from './pool.ts';

/** What a transaction or a query of its own needs of a pool. */
export type ConnectionSource = Pick<DatabasePool, 'connect' | 'any'>;

export type AffinePool = Readonly<{
  /**
   * Returns access to the pool for one tenant. `tenant` is a hash of its id: modulo the size, it is the index of the
   * preferred connection. The methods throw Unavailable `overloaded` when no connection is free in time.
   */
  preferring: (tenant: number) => ConnectionSource;
  state: () => ReturnType<DatabasePool['state']>;
  end: () => Promise<void>;
}>;

type Slot = {
  readonly index: number;
  readonly pool: DatabasePool;
  isBusy: boolean;
  /** Time at which the current transaction got the connection, of `performance.now()`. */
  since: number;
};

type Waiter = {
  readonly tenant: number;
  readonly preferred: Slot;
  readonly started: number;
  readonly resolve: (slot: Slot) => void;
  readonly reject: (error: Error) => void;
  timer: NodeJS.Timeout | undefined;
  /** Whether it accepts its preferred connection only. */
  preferredOnly: boolean;
  /** Number of later callers that were served before. */
  overtaken: number;
};

/** How long a caller waits for its preferred connection while another one is idle. */
export type WaitLimits = Readonly<{
  /** Milliseconds after which the transaction on the preferred connection is a long one, for which no caller waits. */
  longMs: number;
  /** Maximum milliseconds to wait while short transactions use the preferred connection one after the other. */
  maxMs: number;
}>;

/**
 * Most transactions take a few milliseconds. On another connection, PostgreSQL would parse and plan the statements of the
 * tenant and read its tables' definitions, which takes longer than most waits.
 */
const WAIT_LIMITS: WaitLimits = { longMs: 10, maxMs: 100 };
/** Number of callers that may be served before one that waits longer, because they prefer the freed connection. */
const MAX_OVERTAKEN = 16;
/** Maximum number of waiting callers that are searched for one that prefers the freed connection. */
const MAX_SEARCHED = 100;

/** Assigns the connections of a pool to callers. */
class Assignment {
  readonly #slots: readonly Slot[];
  readonly #timeoutMs: number;
  readonly #limits: WaitLimits;
  readonly #waiting: Waiter[] = [];

  constructor(slots: readonly Slot[], timeoutMs: number, limits: WaitLimits) {
    this.#slots = slots;
    this.#timeoutMs = timeoutMs;
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Returns a connection, which must be released.
   *
   * @throws Unavailable `overloaded` after the timeout
   */
  take(tenant: number): Slot | Promise<Slot> {
    const preferred = this.#slots[tenant % this.#slots.length] as Slot;
    if (!preferred.isBusy) {
      return this.#use(preferred);
    }
    const preferredOnly = !this.#waiting.some((waiter) => waiter.tenant === tenant);
    const idle = preferredOnly ? undefined : this.#findIdle(preferred);
    return idle ? this.#use(idle) : this.#wait(tenant, preferred, preferredOnly);
  }

  release(slot: Slot): void {
    const waiter = this.#nextFor(slot);
    if (waiter) {
      this.#serve(waiter, slot);
    } else {
      slot.isBusy = false;
    }
  }

  #use(slot: Slot): Slot {
    slot.isBusy = true;
    slot.since = performance.now();
    return slot;
  }

  #wait(tenant: number, preferred: Slot, preferredOnly: boolean): Promise<Slot> {
    const { promise, resolve, reject } = Promise.withResolvers<Slot>();
    const waiter: Waiter = {
      tenant,
      preferred,
      started: performance.now(),
      resolve,
      reject,
      timer: undefined,
      preferredOnly,
      overtaken: 0,
    };
    this.#waiting.push(waiter);
    const { longMs, maxMs } = this.#limits;
    this.#examineAfter(waiter, Math.min(longMs, maxMs, this.#timeoutMs));
    return promise;
  }

  #serve(waiter: Waiter, slot: Slot): void {
    clearTimeout(waiter.timer);
    this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
    waiter.resolve(this.#use(slot));
  }

  /** When Node was busy, responses that have arrived are read first. They may free the preferred connection. */
  #examineAfter(waiter: Waiter, ms: number): void {
    waiter.timer = setTimeout(() => {
      setImmediate(() => {
        if (this.#waiting.includes(waiter)) {
          this.#examine(waiter);
        }
      });
    }, ms);
  }

  #examine(waiter: Waiter): void {
    const { longMs, maxMs } = this.#limits;
    const now = performance.now();
    const [waited, held] = [now - waiter.started, now - waiter.preferred.since];
    if (waited >= this.#timeoutMs) {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.reject(new Unavailable('overloaded', 'The service is overloaded. Try again shortly.', 1));
      return;
    }
    waiter.preferredOnly &&= held < longMs && waited < maxMs;
    const idle = waiter.preferredOnly ? undefined : this.#findIdle(waiter.preferred);
    if (idle) {
      this.#serve(waiter, idle);
      return;
    }
    const remaining = this.#timeoutMs - waited;
    const next = waiter.preferredOnly ? Math.min(longMs - held, maxMs - waited, remaining) : remaining;
    this.#examineAfter(waiter, Math.max(1, next));
  }

  /** Returns the next idle connection in a fixed order. */
  #findIdle({ index }: Slot): Slot | undefined {
    return [...this.#slots.slice(index), ...this.#slots.slice(0, index)].find(({ isBusy }) => !isBusy);
  }

  /** Returns the waiting caller that gets a freed connection. */
  #nextFor(slot: Slot): Waiter | undefined {
    const waiting = this.#waiting;
    const [first] = waiting;
    if (first && first.overtaken >= MAX_OVERTAKEN) {
      return first;
    }
    const preferring = waiting.slice(0, MAX_SEARCHED).findIndex(({ preferred }) => preferred === slot);
    const found = preferring < 0 ? waiting.findIndex(({ preferredOnly }) => !preferredOnly) : preferring;
    for (const overtaken of waiting.slice(0, Math.max(0, found))) {
      overtaken.overtaken += 1;
    }
    return waiting[found];
  }
}

/**
 * Opens a pool in which every tenant has a preferred connection: a backend keeps plans and 25 kB for every
 * table that it has used, so the same tenant should use the same backend.
 *
 * A caller waits for its preferred connection while short transactions use it, up to 100 ms. When the transaction on it
 * has taken 10 ms, or when another caller of the tenant waits, the caller gets the next idle connection in a fixed order,
 * or the first one that is freed and that no waiting caller prefers. So a busy tenant uses all connections, and a tenant
 * with one request at a time uses one. A caller that was overtaken 16 times gets the next connection when it is the first
 * in line.
 *
 * Each connection is a Slonik pool of size 1, because Slonik's pool cannot select an idle connection.
 */
export async function openAffinePool(
  settings: PoolSettings,
  limits: WaitLimits = WAIT_LIMITS,
): Promise<AffinePool> {
  const slots: readonly Slot[] = await Promise.all(
    Array.from({ length: settings.maxPoolSize }, async (_, index) => ({
      index,
      pool: await openUnlimitedPool({ ...settings, maxPoolSize: 1 }),
      isBusy: false,
      since: 0,
    })),
  );
  const assignment = new Assignment(slots, settings.poolTimeout, limits);

  const using = async <T>(tenant: number, work: (pool: DatabasePool) => Promise<T>): Promise<T> => {
    const slot = await assignment.take(tenant);
    try {
      return await work(slot.pool);
    } finally {
      assignment.release(slot);
    }
  };

  return {
    preferring: (tenant) => ({
      connect: (handler) => using(tenant, (pool) => pool.connect(handler)),
      any: (query) => using(tenant, (pool) => pool.any(query)),
    }),
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
        waitingClients: sum('waitingClients') + assignment.waiting,
      };
    },
    end: async () => {
      await Promise.all(slots.map(({ pool }) => pool.end()));
    },
  };
}
