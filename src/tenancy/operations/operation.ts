import { z } from 'zod';

import { canBeSecret, HIDDEN } from '../registry/secret-settings.ts';
import type { OperationKind } from './operation-kind.ts';

export const OPERATION_STATUSES = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const;
export type OperationStatus = (typeof OPERATION_STATUSES)[number];

const timestamp = z.string();

const operationError = z.strictObject({
  code: z.string(),
  message: z.string(),
  hint: z.string().nullable(),
});
export type OperationFailure = z.infer<typeof operationError>;

const values = z.record(z.string(), z.unknown());

/** An operation as the functions of functions/operation*.sql return it. */
export const operationRow = z.strictObject({
  id: z.uuid(),
  kind: z.string(),
  tenant: z.string().nullable(),
  arguments: values,
  status: z.enum(OPERATION_STATUSES),
  attempts: z.number(),
  revision: z.number(),
  progress_done: z.number().nullable(),
  progress_total: z.number().nullable(),
  progress_text: z.string().nullable(),
  result: values.nullable(),
  error: operationError.nullable(),
  actor: z.string(),
  address: z.string().nullable(),
  request_digest: z.string().nullable(),
  created_at: timestamp,
  started_at: timestamp.nullable(),
  ended_at: timestamp.nullable(),
  cancel_requested_at: timestamp.nullable(),
  log: z.array(z.strictObject({ at: timestamp, text: z.string() })).optional(),
});
export type OperationRow = z.infer<typeof operationRow>;

/** An operation as operators see it. Times are ISO 8601. */
export type Operation = Readonly<{
  id: string;
  kind: string;
  tenant: string | null;
  /** Without hidden arguments, and with `(hidden)` for values whose names are those of secrets. */
  arguments: Readonly<Record<string, unknown>>;
  status: OperationStatus;
  /** `total` is null if the number of steps is not known. */
  progress: Readonly<{ done: number; total: number | null; text: string | null }> | null;
  /** Null in lists. */
  log: ReadonlyArray<Readonly<{ at: string; text: string }>> | null;
  result: Readonly<Record<string, unknown>> | null;
  error: OperationFailure | null;
  actor: string;
  address: string | null;
  attempts: number;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  is_canceling: boolean;
  can_cancel: boolean;
  can_retry: boolean;
}>;

/** Names of values that may be secrets, as in the audit of settings: `tenancy.audited_tenant`. */
const SECRET = /secret|password|token|key|credential/i;

const hide = (name: string, value: unknown): unknown =>
  SECRET.test(name) && canBeSecret(value) ? HIDDEN : hideSecrets(value);

/**
 * Returns a value with `(hidden)` in place of texts, lists and objects whose names may be those of secrets, such as the
 * value of a setting `…_SECRET`. For responses and the audit.
 */
function hideSecrets<T>(value: T): T {
  if (Array.isArray(value)) {
    return value.map(hideSecrets) as T;
  }
  return typeof value === 'object' && value !== null
    ? (Object.fromEntries(Object.entries(value).map(([name, member]) => [name, hide(name, member)])) as T)
    : value;
}

/** Returns the arguments that responses and the audit contain. */
export const shownArguments = (
  { hidden }: Pick<OperationKind, 'hidden'>,
  given: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> =>
  hideSecrets(Object.fromEntries(Object.entries(given).filter(([name]) => !hidden.includes(name))));

/** Returns what operators see of an operation. `kind` is undefined if this release does not have it. */
export function describeOperation(row: OperationRow, kind: OperationKind | undefined): Operation {
  const { progress_done: done, progress_total: total, progress_text: text, ...rest } = row;
  const canceling = row.status === 'running' && row.cancel_requested_at !== null;
  return {
    id: rest.id,
    kind: rest.kind,
    tenant: rest.tenant,
    arguments: kind === undefined ? {} : shownArguments(kind, rest.arguments),
    status: rest.status,
    progress: done === null && text === null ? null : { done: done ?? 0, total, text },
    log: rest.log ?? null,
    result: rest.result,
    error: rest.error,
    actor: rest.actor,
    address: rest.address,
    attempts: rest.attempts,
    created_at: rest.created_at,
    started_at: rest.started_at,
    ended_at: rest.ended_at,
    is_canceling: canceling,
    can_cancel:
      row.status === 'queued' || (row.status === 'running' && !canceling && kind?.cancelable === true),
    can_retry: kind !== undefined && (row.status === 'failed' || row.status === 'canceled'),
  };
}
