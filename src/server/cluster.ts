import type { Worker } from 'node:cluster';

import { createWorkers, type Log, type Workers } from './workers.ts';

/** Replaces one worker after another, until one does not start to listen or `isStopping`. */
async function replaceAll(workers: Workers, isStopping: () => boolean, log: Log): Promise<void> {
  for (const old of workers.listening()) {
    if (isStopping()) {
      return;
    }
    if (!(await workers.replace(old))) {
      log('a new worker did not start to listen; the old workers continue');
      return;
    }
  }
  log('all workers were replaced');
}

/**
 * Keeps `count` workers serving on one port, and returns the exit code.
 *
 * The first worker starts alone, so that errors of the environment or the database are logged
 * once. Its exit code is then returned. A worker that exits is restarted. A reload replaces one
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
  log: Log;
}): Promise<number> {
  const workers = createWorkers({ fork, stopped: stopRequested, log });
  const stopped = Promise.race([stopRequested, workers.faultFound]);
  let stopping = false;
  void stopped.then(() => {
    stopping = true;
    workers.stop('stop');
  });
  void stopNow.then(() => workers.stop('stop-now'));
  const first = await workers.start();
  if (first !== 'listening') {
    return first;
  }
  for (let more = 1; more < count && !stopping; more += 1) {
    if ((await workers.start()) !== 'listening') {
      void workers.restart();
    }
  }
  log('all workers are listening', { workers: workers.listening().length });
  let reloads = Promise.resolve();
  onReload(() => {
    reloads = reloads.then(() => replaceAll(workers, () => stopping, log));
  });

  await stopped;
  return workers.exitCode();
}
