import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

/** Messages of the primary process to a worker: stop, stop immediately, or a successor is ready. */
export type WorkerCommand = 'stop' | 'stop-now' | 'replaced';

/** Whether a message is an order. The processes also exchange messages about metrics. */
export const isWorkerCommand = (message: unknown): message is WorkerCommand =>
  message === 'stop' || message === 'stop-now' || message === 'replaced';

/** Exit code of a service that stopped because a check had a finding while it served. */
export const FAULT_FOUND = 3;

/** Milliseconds before a worker that died is restarted. Doubled while it does not start to listen. */
const FIRST_DELAY_MS = 500;
const LAST_DELAY_MS = 30_000;

/**
 * Keeps `count` workers serving on one port, and returns the exit code.
 *
 * The first worker starts alone, so that errors of the environment or the database are logged
 * once. Its exit code is then returned. A worker that dies is restarted. A reload replaces one
 * worker after another, each when its successor listens. If a successor does not listen, the old
 * workers stay. A worker that stops with `FAULT_FOUND` stops all, because they serve the same database.
 */
export async function runCluster({
  fork,
  count,
  stopped: stopRequested,
  stopNow,
  onReload,
  log,
}: {
  fork: () => Worker;
  count: number;
  stopped: Promise<void>;
  stopNow: Promise<void>;
  onReload: (reload: () => void) => void;
  log: (message: string, facts?: Record<string, unknown>) => void;
}): Promise<number> {
  const ends = new Map<Worker, Promise<number>>();
  const serving = new Set<Worker>();
  let stopping = false;
  let exitCode = 0;
  const faultFound = Promise.withResolvers<void>();
  const stopped = Promise.race([stopRequested, faultFound.promise]);

  const send = (worker: Worker, command: WorkerCommand): void => {
    // The callback ignores the error of a worker that has just died.
    worker.send(command, () => {});
  };

  /** Resolves with the worker when it listens, or with its exit code if it ended before. */
  const begin = async (): Promise<Worker | number> => {
    const worker = fork();
    const ended = once(worker, 'exit').then(([code, signal]) => {
      ends.delete(worker);
      if (code === FAULT_FOUND) {
        exitCode = FAULT_FOUND;
        stopping = true;
        faultFound.resolve();
      } else if (serving.delete(worker) && !stopping) {
        log('a worker exited unexpectedly', { pid: worker.process.pid, code, signal });
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
    for (let delay = FIRST_DELAY_MS; !stopping; delay = Math.min(2 * delay, LAST_DELAY_MS)) {
      await Promise.race([wait(delay, null, { ref: false }), stopped]);
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
        log('a new worker did not start to listen; the old workers continue');
        return;
      }
      const ended = ends.get(old);
      serving.delete(old);
      send(old, 'replaced');
      await ended;
    }
    log('all workers were replaced');
  };

  void stopped.then(() => {
    stopping = true;
    for (const worker of ends.keys()) {
      send(worker, 'stop');
    }
  });
  void stopNow.then(() => {
    for (const worker of ends.keys()) {
      send(worker, 'stop-now');
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
  log('all workers are listening', { workers: serving.size });
  let reloads = Promise.resolve();
  onReload(() => {
    reloads = reloads.then(reload);
  });

  await stopped;
  return Math.max(exitCode, ...(await Promise.all(ends.values())));
}
