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

type State = {
  fork: () => Worker;
  exchange: (worker: Worker) => void;
  /** Resolves when the workers are asked to stop. */
  stopped: Promise<void>;
  log: Log;
  /** The exit code of each running worker. */
  ends: Map<Worker, Promise<number>>;
  serving: Set<Worker>;
  faultFound: PromiseWithResolvers<void>;
  exitCode: number;
  stopping: boolean;
};

function send(worker: Worker, command: WorkerCommand): void {
  // The callback ignores the error of a worker that has just exited.
  worker.send(command, () => {});
}

/** Waits for the end of a worker and returns its exit code. Restarts a worker that has served. */
async function waitForEnd(state: State, worker: Worker): Promise<number> {
  const [code, signal] = await once(worker, 'exit');
  state.ends.delete(worker);
  if (code === FAULT_FOUND) {
    state.exitCode = FAULT_FOUND;
    state.stopping = true;
    state.faultFound.resolve();
  } else if (state.serving.delete(worker) && !state.stopping) {
    state.log('a worker exited unexpectedly', { pid: worker.process.pid, code, signal });
    void restart(state);
  }
  return Number(code ?? 1);
}

async function waitForPort(state: State, worker: Worker): Promise<'listening'> {
  await once(worker, 'listening');
  state.serving.add(worker);
  return 'listening';
}

function start(state: State): Promise<'listening' | number> {
  const worker = state.fork();
  state.exchange(worker);
  const ended = waitForEnd(state, worker);
  state.ends.set(worker, ended);
  return Promise.race([waitForPort(state, worker), ended]);
}

async function restart(state: State): Promise<void> {
  for (let delay = FIRST_DELAY_MS; !state.stopping; delay = Math.min(2 * delay, LAST_DELAY_MS)) {
    await Promise.race([wait(delay, null, { ref: false }), state.stopped, state.faultFound.promise]);
    if (state.stopping || (await start(state)) === 'listening') {
      return;
    }
  }
}

async function replace(state: State, old: Worker): Promise<boolean> {
  if ((await start(state)) !== 'listening') {
    return false;
  }
  const ended = state.ends.get(old);
  state.serving.delete(old);
  send(old, 'replaced');
  await ended;
  return true;
}

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
  const state: State = {
    fork,
    exchange: exchangeRequests(),
    stopped,
    log,
    ends: new Map(),
    serving: new Set(),
    faultFound: Promise.withResolvers(),
    exitCode: 0,
    stopping: false,
  };
  return {
    listening: () => [...state.serving],
    start: () => start(state),
    restart: () => restart(state),
    replace: (old) => replace(state, old),
    stop: (command) => {
      state.stopping = true;
      for (const worker of state.ends.keys()) {
        send(worker, command);
      }
    },
    faultFound: state.faultFound.promise,
    exitCode: async () => Math.max(state.exitCode, ...(await Promise.all(state.ends.values()))),
  };
}
