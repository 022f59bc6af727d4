import pLimit from 'p-limit';

export type Outcome<T> = Readonly<
  { schema: string } & (
    | { outcome: 'ok'; value: T }
    | { outcome: 'failed'; error: unknown }
    /** Never begun, because another one had failed. */
    | { outcome: 'not run' }
  )
>;

/**
 * Runs `work` in each of `schemas`, `jobs` at a time, in their order. After a
 * failure what is under way comes to its end, and nothing new begins unless
 * `continueOnError`. Never throws what `work` throws: it is that tenant's outcome.
 */
export async function runInTenants<T>(
  schemas: readonly string[],
  { jobs, continueOnError }: { jobs: number; continueOnError: boolean },
  work: (schema: string) => Promise<T>,
  onEnd: (outcome: Outcome<T>) => void,
): Promise<ReadonlyArray<Outcome<T>>> {
  const limit = pLimit(jobs);
  let stopped = false;
  const one = async (schema: string): Promise<Outcome<T>> => {
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
  return Promise.all(schemas.map((schema) => limit(() => one(schema))));
}
