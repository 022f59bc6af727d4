import { setTimeout as wait } from 'node:timers/promises';

/** Something that is done again and again beside the service. */
export type WorkerJob = Readonly<{
  name: string;
  /** Seconds from the end of a run to the next. */
  every: number;
  /** Answers what it did, in a sentence; null for nothing. Ends early, with its work whole, when `signal` says so. */
  run: (signal: AbortSignal) => Promise<string | null>;
}>;

/** What became of one run: `did` is null when there was nothing to do. */
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
 * Runs every job again and again, each at its own pace, until `signal` says
 * stop; resolves when the runs under way have ended. A job that fails is tried
 * again at its next turn.
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
