import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

/** What the first process says to a worker: end, end at once, or make room for its successor. */
export type Order = 'stop' | 'hurry' | 'replaced';

/** Other messages go between the processes, too: questions for a worker's metrics. */
export const isOrder = (said: unknown): said is Order =>
  said === 'stop' || said === 'hurry' || said === 'replaced';

/** Milliseconds before a worker that died is started anew; doubled while it does not come to listen. */
const FIRST_PAUSE = 500;
const LAST_PAUSE = 30_000;

/**
 * Keeps `count` workers serving on one port, and answers the exit code.
 *
 * The first one starts alone: what it has to say of the environment or the
 * database is said once, and its exit code is the answer. A worker that dies is
 * started anew. A reload replaces one after the other, each when its successor
 * listens; when one does not come so far, the old ones stay.
 */
export async function runCluster({
  fork,
  count,
  stopped,
  hurried,
  onReload,
  say,
}: {
  fork: () => Worker;
  count: number;
  stopped: Promise<void>;
  hurried: Promise<void>;
  onReload: (reload: () => void) => void;
  say: (message: string, facts?: Record<string, unknown>) => void;
}): Promise<number> {
  const ends = new Map<Worker, Promise<number>>();
  const serving = new Set<Worker>();
  let stopping = false;

  const order = (worker: Worker, word: Order): void => {
    // One that has just died hears nothing.
    worker.send(word, () => {});
  };

  /** The worker when it listens, or the exit code with which it ended before. */
  const begin = async (): Promise<Worker | number> => {
    const worker = fork();
    const ended = once(worker, 'exit').then(([code, signal]) => {
      ends.delete(worker);
      if (serving.delete(worker) && !stopping) {
        say('a worker died', { pid: worker.process.pid, code, signal });
        void revive();
      }
      return Number(code ?? 1);
    });
    ends.set(worker, ended);
    const listening = once(worker, 'listening').then(() => {
      serving.add(worker);
      return worker;
    });
    return Promise.race([listening, ended]);
  };

  const revive = async (): Promise<void> => {
    for (let pause = FIRST_PAUSE; !stopping; pause = Math.min(2 * pause, LAST_PAUSE)) {
      await Promise.race([wait(pause, null, { ref: false }), stopped]);
      if (stopping || typeof (await begin()) !== 'number') {
        return;
      }
    }
  };

  const reload = async (): Promise<void> => {
    for (const old of [...serving]) {
      if (stopping) {
        return;
      }
      if (typeof (await begin()) === 'number') {
        say('a new worker did not come to listen; the old ones stay');
        return;
      }
      const ended = ends.get(old);
      serving.delete(old);
      order(old, 'replaced');
      await ended;
    }
    say('all workers are replaced');
  };

  void stopped.then(() => {
    stopping = true;
    for (const worker of ends.keys()) {
      order(worker, 'stop');
    }
  });
  void hurried.then(() => {
    for (const worker of ends.keys()) {
      order(worker, 'hurry');
    }
  });
  const first = await begin();
  if (typeof first === 'number') {
    return first;
  }
  for (let more = 1; more < count && !stopping; more += 1) {
    if (typeof (await begin()) === 'number') {
      void revive();
    }
  }
  say('workers listen', { workers: serving.size });
  let reloads = Promise.resolve();
  onReload(() => {
    reloads = reloads.then(reload);
  });

  await stopped;
  return Math.max(0, ...(await Promise.all(ends.values())));
}
