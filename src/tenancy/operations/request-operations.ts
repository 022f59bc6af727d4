import { createHash, createHmac, randomUUID } from 'node:crypto';
import { UniqueIntegrityConstraintViolationError } from 'slonik';
import { z } from 'zod';

import { ApiError, ValidationFailed } from '../../errors.ts';
import { SITE_SCHEMA } from '../registry/tenant.ts';
import type { Call, FunctionCaller } from './call-operator-function.ts';
import { describeOperation, type Operation, type OperationRow, operationRow } from './operation.ts';
import type { OperationKind } from './operation-kind.ts';
import type { OperationRequest, Operators, RequestedOperation } from './operators.ts';
import { sealOperation } from './seal.ts';

/** Returns the id of the operation of an Idempotency-Key, a UUID version 8. A second operation with it cannot exist. */
function operationIdOf({ userId, key }: NonNullable<OperationRequest['idempotencyKey']>): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify(['operation', userId, key]))
    .digest()
    .subarray(0, 16);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Returns a digest of a request. It has a key, because the arguments may contain a password. */
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

type KindOf = (name: string) => OperationKind | undefined;

/** Creates the functions that request, list, cancel and retry operations. */
export function requestsOf(
  call: Call,
  key: FunctionCaller['key'],
  kindOf: KindOf,
  tenant: Operators['tenant'],
): Pick<Operators, 'request' | 'list' | 'find' | 'cancel' | 'retry'> {
  const findRow = async (id: string): Promise<OperationRow | null> =>
    operationRow.nullable().parse(await call('find_operation', { id }));
  const describe = (row: OperationRow): Operation => describeOperation(row, kindOf(row.kind));
  const find = async (id: string): Promise<Operation | null> => {
    const found = await findRow(id);
    return found && describe(found);
  };
  /** @throws ApiError `idempotency_key_reused` if the operation of the key is another request */
  const repeat = (row: OperationRow, digest: string | null): RequestedOperation => {
    if (row.request !== digest) {
      throw new ApiError('idempotency_key_reused', 'This Idempotency-Key was used for another operation.');
    }
    return { ...describe(row), isRepeated: true };
  };

  return {
    request: async (request) => {
      const { kind: name, tenant: schema, arguments: given, actor, address, idempotencyKey = null } = request;
      const kind = kindOf(name);
      if (!kind) {
        throw new ValidationFailed({ kind: [`"${name}" is not a kind of operation.`] });
      }
      const parsed = parseArguments(kind, given);
      const digest = idempotencyKey && digestOf(key, request);
      const id = idempotencyKey ? operationIdOf(idempotencyKey) : randomUUID();
      const earlier = idempotencyKey && (await findRow(id));
      if (earlier) {
        return repeat(earlier, digest);
      }
      await assertTarget(kind, schema, tenant);
      const recorded = kind.prepare
        ? await kind.prepare(parsed as never)
        : ((given ?? {}) as Readonly<Record<string, unknown>>);
      const operation = {
        id,
        kind: name,
        tenant: schema,
        arguments: recorded,
        actor,
        address,
        request: digest,
      };
      const isNew = await call('request_operation', sealOperation(key, operation)).then(
        () => true,
        (error: unknown) => {
          // A request with the same key was faster.
          if (idempotencyKey && error instanceof UniqueIntegrityConstraintViolationError) {
            return false;
          }
          throw error;
        },
      );
      const found = await findRow(id);
      if (!found) {
        throw new TypeError('A recorded operation was not found.');
      }
      return isNew ? { ...describe(found), isRepeated: false } : repeat(found, digest);
    },
    list: async (query) => {
      const { count, results } = z
        .strictObject({ count: z.number(), results: z.array(operationRow) })
        .parse(await call('list_operations', query));
      return { count, results: results.map(describe) };
    },
    find,
    cancel: async (id, by) => {
      const found = await findRow(id);
      return found && describe(found).can_cancel
        ? z.boolean().parse(
            await call('cancel_operation', {
              id,
              running: found.status === 'running',
              revision: found.revision,
              ...by,
            }),
          )
        : false;
    },
    retry: async (id, by) => {
      const found = await findRow(id);
      if (!found || !describe(found).can_retry) {
        return false;
      }
      const kind = kindOf(found.kind);
      if (kind) {
        await assertTarget(kind, found.tenant, tenant);
      }
      return z.boolean().parse(await call('retry_operation', { id, revision: found.revision, ...by }));
    },
  };
}
