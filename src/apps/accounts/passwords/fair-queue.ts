export type FairQueue = Readonly<{
  /**
   * Runs `work` when it is the turn of `key`.
   *
   * @throws QueueFull when too much work waits
   */
  run: <T>(key: string, work: () => Promise<T>) => Promise<T>;
}>;

/** Rejects work when the queue of its key, or the whole queue, is full. */
export class QueueFull extends Error {
  override readonly name = 'QueueFull';
}

type Waiting = Readonly<{ start: () => void; reject: (error: QueueFull) => void }>;

/**
 * Runs at most `concurrency` pieces of work at a time, one of each key in turn
 * (round-robin): what waits under one key delays another key by one piece at most.
 *
 * At most `perKey` pieces wait under one key, and `total` under all. When `total` is
 * reached, the newest piece of the longest queue is rejected, which may be the new one.
 */
export function createFairQueue({
  concurrency,
  perKey,
  total,
}: {
  concurrency: number;
  perKey: number;
  total: number;
}): FairQueue {
  // Insertion order is the order of turns: a key that had its turn goes to the end.
  const queues = new Map<string, Waiting[]>();
  let running = 0;
  let waiting = 0;

  const startNext = (): void => {
    const [next] = queues;
    if (!next || running >= concurrency) {
      return;
    }
    const [key, queue] = next;
    const [first, ...rest] = queue;
    queues.delete(key);
    if (rest.length > 0) {
      queues.set(key, rest);
    }
    waiting -= 1;
    running += 1;
    first?.start();
  };

  /**
   * Removes one waiting piece, so that another fits under `key`. Returns false when `key` itself
   * has the longest queue.
   */
  const evict = (key: string): boolean => {
    const own = queues.get(key)?.length ?? 0;
    let longest: { key: string; queue: Waiting[] } | null = null;
    for (const [other, queue] of queues) {
      if (queue.length > (longest?.queue.length ?? own)) {
        longest = { key: other, queue };
      }
    }
    const dropped = longest?.queue.pop();
    if (!longest || !dropped) {
      return false;
    }
    if (longest.queue.length === 0) {
      queues.delete(longest.key);
    }
    waiting -= 1;
    dropped.reject(new QueueFull());
    return true;
  };

  const turn = (key: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const own = queues.get(key)?.length ?? 0;
      const isFull = own >= perKey || (waiting >= total && !evict(key));
      if (isFull) {
        reject(new QueueFull());
        return;
      }
      queues.set(key, [...(queues.get(key) ?? []), { start: resolve, reject }]);
      waiting += 1;
      startNext();
    });

  return {
    run: async (key, work) => {
      await turn(key);
      try {
        return await work();
      } finally {
        running -= 1;
        startNext();
      }
    },
  };
}
