import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

import { exchangeRequests } from '../observability/share-requests.ts';

/** Messages of the primary process to a worker: stop, stop immediately, or a successor is ready. */
export type WorkerCommand = 'stop' | 'stop-now' | 'replaced';

/** Whether a message is an order. The processes also exchange messages about metrics. */
export const isWorkerCommand = (message: unknown): message is WorkerCommand =>
  message === 'stop' || message === 'stop-now' || message === 'replaced';

/** Exit code of a service that stopped because a check had a finding while it served. */
export const FAULT_FOUND = 3;

/** Milliseconds before a worker that exited is restarted. Doubled while it does not start to listen. */
const FIRST_DELAY_MS = 500;
const LAST_DELAY_MS = 30_000;

export type Log = (message: string, facts?: Record<string, unknown>) => void;

/** The workers of a cluster. */
export type Workers = Readonly<{
  /** Returns the workers that listen. */
  listening: () => readonly Worker[];
  /** Starts a worker. Resolves when it listens, or with its exit code if it ended before. */
  start: () => Promise<'listening' | number>;
  /** Starts a worker until one listens, with growing delays. */
  restart: () => Promise<void>;
  /** Starts a worker, and stops `old` when it listens. False: it did not listen, and `old` continues. */
  replace: (old: Worker) => Promise<boolean>;
  /** Sends the command to all workers, and restarts none from then on. */
  stop: (command: WorkerCommand) => void;
  /** Resolves when a worker has stopped with `FAULT_FOUND`. */
  faultFound: Promise<void>;
  /** Waits for all workers and returns the highest exit code. */
  exitCode: () => Promise<number>;
}>;

/** Creates the workers of a cluster. None is started yet. */
export function createWorkers({
  fork,
  stopped,
  log,
}: {
  fork: () => Worker;
  stopped: Promise<void>;
  log: Log;
}): Workers {
  const ends = new Map<Worker, Promise<number>>();
  const serving = new Set<Worker>();
  const faultFound = Promise.withResolvers<void>();
  const exchange = exchangeRequests();
  let exitCode = 0;
  let stopping = false;

  const send = (worker: Worker, command: WorkerCommand): void => {
    // The callback ignores the error of a worker that has just exited.
    worker.send(command, () => {});
  };

  const start = async (): Promise<'listening' | number> => {
    const worker = fork();
    exchange(worker);
    const ended = once(worker, 'exit').then(([code, signal]) => {
      ends.delete(worker);
      if (code === FAULT_FOUND) {
        exitCode = FAULT_FOUND;
        stopping = true;
        faultFound.resolve();
      } else if (serving.delete(worker) && !stopping) {
        log('a worker exited unexpectedly', { pid: worker.process.pid, code, signal });
        void restart();
      }
      return Number(code ?? 1);
    });
    ends.set(worker, ended);
    const listening = once(worker, 'listening').then(() => {
      serving.add(worker);
      return 'listening' as const;
    });
    return Promise.race([listening, ended]);
  };

  const restart = async (): Promise<void> => {
    for (let delay = FIRST_DELAY_MS; !stopping; delay = Math.min(2 * delay, LAST_DELAY_MS)) {
      await Promise.race([wait(delay, null, { ref: false }), stopped, faultFound.promise]);
      if (stopping || (await start()) === 'listening') {
        return;
      }
    }
  };

  const replace = async (old: Worker): Promise<boolean> => {
    if ((await start()) !== 'listening') {
      return false;
    }
    const ended = ends.get(old);
    serving.delete(old);
    send(old, 'replaced');
    await ended;
    return true;
  };

  return {
    listening: () => [...serving],
    start,
    restart,
    replace,
    stop: (command) => {
      stopping = true;
      for (const worker of ends.keys()) {
        send(worker, command);
      }
    },
    faultFound: faultFound.promise,
    exitCode: async () => Math.max(exitCode, ...(await Promise.all(ends.values()))),
  };
}
