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
  let deletedAt = 0;
  let reconciledAt = 0;
  let markedAt = 0;

  const runOne = async (
    claimed: NonNullable<Awaited<ReturnType<typeof claimOperation>>>,
    signal: AbortSignal,
  ): Promise<OperationRun> => {
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
      if (Date.now() - reconciledAt > RECONCILE_INTERVAL_MS) {
        await reconcileFleet(databases);
        reconciledAt = Date.now();
      }
      if (Date.now() - deletedAt > DELETE_INTERVAL_MS) {
        await deleteOldOperations(owner, config.OPERATIONS_KEEP_DAYS);
        deletedAt = Date.now();
      }
      const running = new Set<Promise<unknown>>();
      const lines: string[] = [];
      const failures: unknown[] = [];
      for (;;) {
        if (Date.now() - markedAt > MARK_INTERVAL_MS) {
          await markWorker(owner, lease, await listDumps(config.OPERATIONS_DIRECTORY));
          markedAt = Date.now();
        }
        while (running.size < config.OPERATIONS_CONCURRENCY && !signal.aborted) {
          const claimed = await claimOperation(owner, lease, kinds);
          if (claimed === null) {
            break;
          }
          const run: Promise<unknown> = runOne(claimed, signal)
            .then(
              (ended) => lines.push(lineOf(ended)),
              (error: unknown) => failures.push(error),
            )
            .finally(() => running.delete(run));
          running.add(run);
        }
        if (running.size === 0) {
          break;
        }
        await Promise.race([...running, wait(INTERVAL_MS, null, { ref: false })]);
      }
      if (failures.length > 0) {
        throw failures[0];
      }
      return lines.length === 0 ? null : lines.join('; ');
    },
  };
}
