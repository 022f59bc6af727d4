import { setTimeout as wait } from 'node:timers/promises';

/** A periodic job that runs next to the service. */
export type WorkerJob = Readonly<{
  name: string;
  /** Seconds from the end of a run to the next one. */
  every: number;
  /**
   * Returns a sentence about what was done; null for nothing. When `signal` is aborted it ends early,
   * with its current unit of work completed.
   */
  run: (signal: AbortSignal) => Promise<string | null>;
}>;

/** The result of one run. `did` is null if there was nothing to do. */
export type JobRun = Readonly<{ job: string; did: string | null; error: string | null }>;

async function runJob({ name, run }: WorkerJob, signal: AbortSignal): Promise<JobRun> {
  try {
    return { job: name, did: await run(signal), error: null };
  } catch (error) {
    return { job: name, did: null, error: error instanceof Error ? error.message : String(error) };
  }
}

/** Runs every job once, one after the other. */
export async function runJobsOnce(
  jobs: readonly WorkerJob[],
  signal: AbortSignal,
): Promise<readonly JobRun[]> {
  const runs: JobRun[] = [];
  for (const job of jobs) {
    runs.push(await runJob(job, signal));
  }
  return runs;
}

/**
 * Runs every job repeatedly, each with its own interval, until `signal` is aborted. Resolves when the
 * runs in progress have ended. A job that fails is tried again at its next interval.
 */
export async function runWorker(
  jobs: readonly WorkerJob[],
  signal: AbortSignal,
  onRun: (run: JobRun) => void,
): Promise<void> {
  await Promise.all(
    jobs.map(async (job) => {
      while (!signal.aborted) {
        onRun(await runJob(job, signal));
        await wait(job.every * 1000, undefined, { signal }).catch(() => {});
      }
    }),
  );
}
