import { createHash, createHmac, randomUUID } from 'node:crypto';
import { UniqueIntegrityConstraintViolationError } from 'slonik';
import { z } from 'zod';

import { ApiError, ValidationFailed } from '../../errors.ts';
import { SITE_SCHEMA } from '../registry/tenant.ts';
import type { Call, FunctionCaller } from './call-operator-function.ts';
import { describeOperation, type Operation, type OperationRow, operationRow } from './operation.ts';
import type { Actor, OperationKind } from './operation-kind.ts';
import type { OperationRequest, Operators, RequestedOperation } from './operators.ts';
import { type SealedOperation, sealOperation } from './seal.ts';

/** Returns the id of the operation of an Idempotency-Key, a UUID version 8. It is the primary key, so no second operation can have it. */
function operationIdOf({ userId, key }: NonNullable<OperationRequest['idempotencyKey']>): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify(['operation', userId, key]))
    .digest()
    .subarray(0, 16);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Returns a keyed digest of a request. Without the key, a password in its arguments could be guessed from it. */
const digestOf = (
  { secret }: FunctionCaller['key'],
  { kind, tenant, arguments: given }: OperationRequest,
): string =>
  createHmac('sha256', secret)
    .update(`operation request|${JSON.stringify([kind, tenant, given ?? {}])}`)
    .digest('hex');

/** @throws ValidationFailed with the messages by argument */
function parseArguments(kind: OperationKind, given: unknown): Readonly<Record<string, unknown>> {
  const parsed = kind.arguments.safeParse(given ?? {});
  if (parsed.success) {
    return parsed.data;
  }
  const fields: Record<string, string[]> = {};
  for (const { path, message } of parsed.error.issues) {
    const name = path.length === 0 ? 'non_field_errors' : path.join('.');
    fields[name] = [...(fields[name] ?? []), message];
  }
  throw new ValidationFailed(fields);
}

/** @throws ValidationFailed on `tenant`, or ApiError `tenant_not_found`, or `conflict` for its status */
async function assertTarget(
  { target, statuses, title }: OperationKind,
  schema: string | null,
  find: Operators['tenant'],
): Promise<void> {
  if (schema === null) {
    if (target === 'tenant' || target === 'tenant-or-site') {
      throw new ValidationFailed({ tenant: ['This field is required.'] });
    }
    return;
  }
  if (target === 'fleet' || (schema === SITE_SCHEMA && target !== 'tenant-or-site')) {
    throw new ValidationFailed({ tenant: [`This operation cannot be requested for "${schema}".`] });
  }
  const found = await find(schema);
  if (found === null) {
    throw new ApiError('tenant_not_found', `No tenant has the schema "${schema}".`);
  }
  if (!statuses.some((status) => status === found.status)) {
    throw new ApiError(
      'conflict',
      `"${title}" cannot be requested while the tenant is in status ${found.status}.`,
    );
  }
}

type Options = Readonly<{
  call: Call;
  key: FunctionCaller['key'];
  kindOf: (name: string) => OperationKind | undefined;
  findTenant: Operators['tenant'];
}>;

const findRow = async (call: Call, id: string): Promise<OperationRow | null> =>
  operationRow.nullable().parse(await call('find_operation', { id }));

const describe = (row: OperationRow, { kindOf }: Pick<Options, 'kindOf'>): Operation =>
  describeOperation(row, kindOf(row.kind));

/** Records an operation. Returns false if another request with its key has recorded it in the meantime. */
async function recordOperation({ call, key }: Options, operation: SealedOperation): Promise<boolean> {
  try {
    await call('request_operation', sealOperation(key, operation));
    return true;
  } catch (error) {
    if (operation.request_digest && error instanceof UniqueIntegrityConstraintViolationError) {
      return false;
    }
    throw error;
  }
}

/**
 * Returns the operation that an earlier request with the same key has recorded.
 *
 * @throws ApiError `idempotency_key_reused` if that request was another one
 */
function repeat(row: OperationRow, digest: string | null, options: Options): RequestedOperation {
  if (row.request_digest !== digest) {
    throw new ApiError('idempotency_key_reused', 'This Idempotency-Key was used for another operation.');
  }
  return { ...describe(row, options), isRepeated: true };
}

async function requestOperation(request: OperationRequest, options: Options): Promise<RequestedOperation> {
  const { call, key, kindOf, findTenant } = options;
  const { kind: name, tenant, arguments: given, actor, address, idempotencyKey = null } = request;
  const kind = kindOf(name);
  if (!kind) {
    throw new ValidationFailed({ kind: [`"${name}" is not a kind of operation.`] });
  }
  const parsed = parseArguments(kind, given);
  const digest = idempotencyKey && digestOf(key, request);
  const id = idempotencyKey ? operationIdOf(idempotencyKey) : randomUUID();
  const earlier = idempotencyKey && (await findRow(call, id));
  if (earlier) {
    return repeat(earlier, digest, options);
  }
  await assertTarget(kind, tenant, findTenant);
  const recorded = kind.prepare
    ? await kind.prepare(parsed as never)
    : ((given ?? {}) as Readonly<Record<string, unknown>>);
  const operation = { id, kind: name, tenant, arguments: recorded, actor, address, request_digest: digest };
  const isNew = await recordOperation(options, operation);
  const row = await findRow(call, id);
  if (!row) {
    throw new TypeError('A recorded operation was not found.');
  }
  return isNew ? { ...describe(row, options), isRepeated: false } : repeat(row, digest, options);
}

async function cancelOperation(id: string, by: Actor, options: Options): Promise<boolean> {
  const { call } = options;
  const row = await findRow(call, id);
  if (!row || !describe(row, options).can_cancel) {
    return false;
  }
  const { revision, status } = row;
  return z
    .boolean()
    .parse(await call('cancel_operation', { id, running: status === 'running', revision, ...by }));
}

async function retryOperation(id: string, by: Actor, options: Options): Promise<boolean> {
  const { call, kindOf, findTenant } = options;
  const row = await findRow(call, id);
  if (!row || !describe(row, options).can_retry) {
    return false;
  }
  const kind = kindOf(row.kind);
  if (kind) {
    await assertTarget(kind, row.tenant, findTenant);
  }
  return z.boolean().parse(await call('retry_operation', { id, revision: row.revision, ...by }));
}

/** Creates the functions that request, list, find, cancel and retry operations. */
export function createOperationRequests(
  options: Options,
): Pick<Operators, 'request' | 'list' | 'find' | 'cancel' | 'retry'> {
  const { call } = options;
  return {
    request: (request) => requestOperation(request, options),
    list: async (query) => {
      const { count, results } = z
        .strictObject({ count: z.number(), results: z.array(operationRow) })
        .parse(await call('list_operations', query));
      return { count, results: results.map((row) => describe(row, options)) };
    },
    find: async (id) => {
      const row = await findRow(call, id);
      return row && describe(row, options);
    },
    cancel: (id, by) => cancelOperation(id, by, options),
    retry: (id, by) => retryOperation(id, by, options),
  };
}
