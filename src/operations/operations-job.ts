import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

import { explain } from '../cli/framework/explain.ts';
import { databasesOf, reconcileFleet } from '../cli/framework/fleet.ts';
import type { Config } from '../config/config.ts';
import type { Project } from '../definition/define-project.ts';
import type { WorkerJob } from '../tenancy/fleet/worker.ts';
import type { OperationKind } from '../tenancy/operations/operation-kind.ts';
import { claimOperation, deleteOldOperations, markWorker } from '../tenancy/operations/queue.ts';
import { type OperationRun, runOperation } from '../tenancy/operations/run-operation.ts';
import { chooseDatabase, MAIN } from '../tenancy/registry/databases.ts';
import { listDumps } from './dump-files.ts';

/** Milliseconds after which a worker that runs operations looks for further ones. */
const INTERVAL_MS = 1_000;
/** Milliseconds between two copies of what tenants of further databases have added to their audit. */
const RECONCILE_INTERVAL_MS = 60_000;
/** Milliseconds between two deletions of old operations. */
const DELETE_INTERVAL_MS = 3_600_000;
/** Milliseconds between two marks of a worker. */
const MARK_INTERVAL_MS = 10_000;

const lineOf = ({ operation, status, error }: OperationRun): string => {
  const reason = status === 'failed' ? `: ${error instanceof Error ? error.message : String(error)}` : '';
  return `${operation.kind}${operation.tenant === null ? '' : ` of ${operation.tenant}`} ${status}${reason}`;
};

/** Returns a function that runs `work` unless it has succeeded within the last `intervalMs` milliseconds. */
function atMostEvery(intervalMs: number, work: () => Promise<unknown>): () => Promise<void> {
  let doneAt = 0;
  return async () => {
    if (Date.now() - doneAt > intervalMs) {
      await work();
      doneAt = Date.now();
    }
  };
}

type Claimed = NonNullable<Awaited<ReturnType<typeof claimOperation>>>;

/**
 * Runs operations until none is left, at most `concurrency` at the same time. Returns a line for each that has ended.
 *
 * @throws the first error of `run`, after all have ended
 */
async function runAll({
  claim,
  run,
  mark,
  concurrency,
  signal,
}: {
  claim: () => Promise<Claimed | null>;
  run: (claimed: Claimed) => Promise<OperationRun>;
  /** Called regularly while operations run. */
  mark: () => Promise<void>;
  concurrency: number;
  signal: AbortSignal;
}): Promise<readonly string[]> {
  const running = new Set<Promise<unknown>>();
  const lines: string[] = [];
  const failures: unknown[] = [];
  for (;;) {
    await mark();
    let isDone = false;
    while (running.size < concurrency && !signal.aborted) {
      // An operation that ends during the claim may be the reason why none of its tenant was claimed.
      isDone = running.size === 0;
      const claimed = await claim();
      if (claimed === null) {
        break;
      }
      const started: Promise<unknown> = run(claimed)
        .then(
          (ended) => lines.push(lineOf(ended)),
          (error: unknown) => failures.push(error),
        )
        .finally(() => running.delete(started));
      running.add(started);
    }
    if (running.size > 0) {
      await Promise.race([...running, wait(INTERVAL_MS, null, { ref: false })]);
    } else if (isDone || signal.aborted) {
      break;
    }
  }
  if (failures.length > 0) {
    throw failures[0];
  }
  return lines;
}

/** Returns the job that runs the operations which operators have requested from the API. */
export function operationsJob(
  project: Project,
  config: Config,
  ownerUrl: string,
  kinds: readonly OperationKind[],
): WorkerJob {
  const databases = databasesOf(config, ownerUrl);
  const { owner } = chooseDatabase(databases, MAIN);
  const lease = { holder: randomUUID(), leaseSeconds: config.OPERATIONS_LEASE };
  const environment = { OWNER_DATABASE_URL: ownerUrl };
  const reconcile = atMostEvery(RECONCILE_INTERVAL_MS, () => reconcileFleet(databases));
  const deleteOld = atMostEvery(DELETE_INTERVAL_MS, () =>
    deleteOldOperations(owner, config.OPERATIONS_KEEP_DAYS),
  );
  const mark = atMostEvery(MARK_INTERVAL_MS, async () =>
    markWorker(owner, lease, await listDumps(config.OPERATIONS_DIRECTORY)),
  );

  const runOne = async (claimed: Claimed, signal: AbortSignal): Promise<OperationRun> => {
    const run = await runOperation(claimed, {
      ...lease,
      owner,
      kinds,
      keys: config.TENANCY_KEYS,
      project,
      databases,
      signal,
      explain: (error) => explain(error, environment),
    });
    await reconcileFleet(databases);
    return run;
  };

  return {
    name: 'operations',
    every: 1,
    run: async (signal) => {
      await reconcile();
      await deleteOld();
      const lines = await runAll({
        claim: () => claimOperation(owner, lease, kinds),
        run: (claimed) => runOne(claimed, signal),
        mark,
        concurrency: config.OPERATIONS_CONCURRENCY,
        signal,
      });
      return lines.length === 0 ? null : lines.join('; ');
    },
  };
}
