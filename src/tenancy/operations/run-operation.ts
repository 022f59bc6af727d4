import type pg from 'pg';

import { actFor } from '../../db/admin/actor.ts';
import { DomainError, OperatorError } from '../../errors.ts';
import type { ProofKey } from '../context/keys.ts';
import { reasonWithoutValues } from '../migrations/migration-failed.ts';
import type { Databases } from '../registry/locate-tenant.ts';
import type { TenancyProject } from '../registry/project.ts';
import { endOperation, type OperationEnd, type OperationReport, renewOperation } from './lease.ts';
import { type OperationFailure, shownArguments } from './operation.ts';
import type { OperationContext, OperationKind } from './operation-kind.ts';
import type { ClaimedOperation, LeaseHolder } from './queue.ts';
import { openSealed, type SealedOperation } from './seal.ts';

/** Milliseconds between two reports of an operation that has something to report. */
const REPORT_MS = 500;
/** Maximum milliseconds between two renewals, and until a cancellation takes effect. */
const RENEW_MS = 2_000;
const MAX_LINES = 10_000;
const MAX_LINE_LENGTH = 2_000;

/** The reason for which an operation ends early. */
type Stop = 'canceled' | 'stopped' | 'lost';

export type RunOptions = LeaseHolder &
  Readonly<{
    owner: pg.ClientConfig;
    kinds: readonly OperationKind[];
    keys: readonly ProofKey[];
    project: TenancyProject;
    databases: Databases;
    /** Aborted when the worker stops. */
    signal: AbortSignal;
    /** Converts errors to those that an operator understands. */
    explain: (error: unknown) => unknown;
  }>;

/** Collects what an operation reports. `take` returns it once. */
function createReporter(): Pick<OperationContext, 'log' | 'progress'> &
  Readonly<{ take: () => OperationReport }> {
  let lines: Array<{ at: Date; text: string }> = [];
  let progress: OperationReport['progress'] = null;
  let count = 0;
  return {
    log: (text) => {
      count += 1;
      if (count <= MAX_LINES) {
        lines.push({
          at: new Date(),
          text: count === MAX_LINES ? 'Further lines are omitted.' : text.slice(0, MAX_LINE_LENGTH),
        });
      }
    },
    progress: (done, total, text) => {
      progress = { done, total, text: text?.slice(0, MAX_LINE_LENGTH) ?? null };
    },
    take: () => {
      const report = { lines, progress };
      lines = [];
      progress = null;
      return report;
    },
  };
}

const isEmpty = ({ lines, progress }: OperationReport): boolean => lines.length === 0 && progress === null;

/**
 * Renews the lease and stores reports until `close` is called. Aborts `ending` when the operation is canceled, when the
 * lease is lost, and when the database does not respond for as long as the lease lasts.
 */
function keepLease(
  { owner, holder, leaseSeconds }: RunOptions,
  id: string,
  reporter: ReturnType<typeof createReporter>,
  stop: (why: Stop) => void,
): { close: () => Promise<void> } {
  const renewMs = Math.min(RENEW_MS, (leaseSeconds * 1000) / 3);
  let renewedAt = Date.now();
  let running: Promise<void> = Promise.resolve();
  let busy = false;
  const renew = async (): Promise<void> => {
    const report = reporter.take();
    if (isEmpty(report) && Date.now() - renewedAt < renewMs) {
      return;
    }
    try {
      const state = await renewOperation(owner, { holder, leaseSeconds }, id, report);
      renewedAt = Date.now();
      if (state !== 'held') {
        stop(state === 'lost' ? 'lost' : 'canceled');
      }
    } catch (error) {
      if (Date.now() - renewedAt > leaseSeconds * 1000) {
        stop('lost');
      }
      reporter.log(`A report could not be stored: ${(error as Error).message}`);
    }
  };
  const timer = setInterval(() => {
    if (!busy) {
      busy = true;
      running = renew().finally(() => {
        busy = false;
      });
    }
  }, REPORT_MS);
  return {
    close: async () => {
      clearInterval(timer);
      await running;
    },
  };
}

/**
 * Returns the operation that the service has sealed.
 *
 * @throws OperatorError `operation_forged` if the row is not the one that the service has recorded, and
 *   `precondition_failed` if another tenant has the schema name now
 */
function openOperation(keys: readonly ProofKey[], row: ClaimedOperation): SealedOperation {
  const operation = openSealed(keys, row);
  if (
    operation === null ||
    operation.id !== row.id ||
    operation.kind !== row.kind ||
    operation.tenant !== row.tenant ||
    operation.actor !== row.actor ||
    operation.address !== row.address
  ) {
    throw new OperatorError(
      'operation_forged',
      'The operation has no valid seal: the service did not record it, or its key is no longer in TENANCY_KEYS. Nothing was done.',
    );
  }
  if (
    row.requested_tenant_id !== null &&
    row.tenant_id !== null &&
    row.requested_tenant_id !== row.tenant_id
  ) {
    throw new OperatorError(
      'precondition_failed',
      `Another tenant has the schema name ${row.tenant} since the operation was requested. Nothing was done.`,
    );
  }
  return operation;
}

function describeFailure(thrown: unknown, explain: RunOptions['explain']): OperationFailure {
  const error = explain(thrown);
  return {
    code: error instanceof DomainError ? error.code : 'internal_error',
    // All staff of the public site see it.
    message: reasonWithoutValues(error).slice(0, MAX_LINE_LENGTH),
    hint: error instanceof DomainError ? null : "The worker's log has the details.",
  };
}

const interrupted = ({ afterInterruption }: OperationKind): OperationFailure => ({
  code: 'operation_interrupted',
  message: 'The worker stopped before the operation had ended.',
  hint: afterInterruption,
});

function endOf(
  thrown: unknown,
  why: Stop | null,
  kind: OperationKind,
  explain: RunOptions['explain'],
): OperationEnd {
  if (why === 'canceled') {
    return { status: 'canceled', result: null, error: null };
  }
  if (why === 'stopped') {
    return kind.repeatable
      ? { status: 'queued', result: null, error: null }
      : { status: 'failed', result: null, error: interrupted(kind) };
  }
  return { status: 'failed', result: null, error: describeFailure(thrown, explain) };
}

/** The result of a run. `lost`: another worker has the operation. */
export type OperationRun = Readonly<{
  operation: ClaimedOperation;
  status: OperationEnd['status'] | 'lost';
  /** The error of a failed run. */
  error: unknown;
}>;

/** Runs a claimed operation to its end, and stores how it ended. */
export async function runOperation(row: ClaimedOperation, options: RunOptions): Promise<OperationRun> {
  const { owner, kinds, keys, project, databases, signal, explain } = options;
  const reporter = createReporter();
  const ending = new AbortController();
  let why: Stop | null = null;
  const stop = (reason: Stop): void => {
    why ??= reason;
    ending.abort(new OperatorError('command_failed', `The operation was ${reason}.`));
  };
  const onStop = (): void => stop('stopped');
  signal.addEventListener('abort', onStop, { once: true });
  const lease = keepLease(options, row.id, reporter, stop);

  const { actor, address } = row;
  return actFor({ actor, address, source: 'api', operation: row.id }, async () => {
    const kind = kinds.find((one) => one.kind === row.kind);
    let end: OperationEnd;
    let shown: Readonly<Record<string, unknown>> = {};
    let failure: unknown = null;
    try {
      if (!kind) {
        throw new OperatorError('precondition_failed', `This release has no operation "${row.kind}".`);
      }
      const { arguments: given, tenant } = openOperation(keys, row);
      shown = shownArguments(kind, given);
      const context: OperationContext = {
        project,
        databases,
        tenant: tenant ?? '',
        signal: ending.signal,
        attempt: row.attempts,
        log: reporter.log,
        progress: reporter.progress,
      };
      const result = await kind.run(kind.recorded.parse(given) as never, context);
      end = { status: 'succeeded', result, error: null };
    } catch (error) {
      failure = error;
      end = kind
        ? endOf(error, why, kind, explain)
        : { status: 'failed', result: null, error: describeFailure(error, explain) };
    } finally {
      signal.removeEventListener('abort', onStop);
      await lease.close();
    }
    const ended = await endOperation(owner, options, row, reporter.take(), { ...end, after: shown });
    return { operation: row, status: ended ? end.status : 'lost', error: failure };
  });
}
