import pLimit from 'p-limit';

export type Outcome<T> = Readonly<
  { schema: string } & (
    | { outcome: 'ok'; value: T }
    | { outcome: 'failed'; error: unknown }
    /** Not started, because another tenant had failed. */
    | { outcome: 'not run' }
  )
>;

/**
 * Calls `work` for each of `schemas`, in order, for at most `jobs` at the same time. After a failure it starts
 * no further work unless `continueOnError` is set, and waits for the work in progress. An error of `work`
 * is returned as the outcome of its tenant, never thrown. `onEnd` is called with each outcome except
 * `not run`.
 */
export async function runInTenants<T>(
  schemas: readonly string[],
  { jobs, continueOnError }: { jobs: number; continueOnError: boolean },
  work: (schema: string) => Promise<T>,
  onEnd: (outcome: Outcome<T>) => void,
): Promise<ReadonlyArray<Outcome<T>>> {
  const limit = pLimit(jobs);
  let stopped = false;
  const runOne = async (schema: string): Promise<Outcome<T>> => {
    if (stopped) {
      return { schema, outcome: 'not run' };
    }
    const outcome = await work(schema).then(
      (value): Outcome<T> => ({ schema, outcome: 'ok', value }),
      (error: unknown): Outcome<T> => ({ schema, outcome: 'failed', error }),
    );
    stopped ||= outcome.outcome === 'failed' && !continueOnError;
    onEnd(outcome);
    return outcome;
  };
  return Promise.all(schemas.map((schema) => limit(() => runOne(schema))));
}
