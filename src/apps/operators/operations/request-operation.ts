import { z } from 'zod';

import { ApiError, ValidationFailed } from '../../../errors.ts';
import { readBody, validate } from '../../../http/body/validate.ts';
import { nullable } from '../../../http/fields/field.ts';
import { json } from '../../../http/fields/json.ts';
import { text } from '../../../http/fields/text.ts';
import { hasIdempotencyKey, readIdempotencyKey } from '../../../http/idempotency.ts';
import type { Context } from '../../../http/state.ts';
import { needsSuperuser } from '../../../tenancy/operations/needs-superuser.ts';
import type { OperationKind } from '../../../tenancy/operations/operation-kind.ts';
import type { OperationRequest, Operators } from '../../../tenancy/operations/operators.ts';
import { type Operator, operatorOf } from '../operator-stacks.ts';

/** Maximum characters of a schema name and of a kind. */
const MAX_NAME = 100;

export const operationRequest = z
  .object({
    kind: text({ max: MAX_NAME }),
    tenant: nullable(text({ max: MAX_NAME })).optional(),
    arguments: json().optional(),
    confirm: text({ max: MAX_NAME }).optional(),
  })
  .meta({ id: 'OperationRequest' });

export const confirmation = z
  .object({ confirm: text({ max: MAX_NAME }).optional() })
  .meta({ id: 'OperationConfirmation' });

type Requested = Readonly<{
  tenant: string | null;
  arguments: unknown;
  confirm: string | undefined;
}>;

const argumentsOf = (given: unknown): Readonly<Record<string, unknown>> =>
  typeof given === 'object' && given !== null ? { ...given } : {};

/**
 * Checks that an operator may request an operation. If its kind destroys, `confirm` must repeat the name of the tenant,
 * or without a tenant the kind.
 *
 * @throws ApiError `permission_denied`, or ValidationFailed on `confirm`
 */
export function assertAllowed(
  kind: OperationKind,
  { isSuperuser }: Operator,
  { tenant, arguments: given, confirm }: Requested,
): void {
  if (!isSuperuser && needsSuperuser(kind, tenant, argumentsOf(given))) {
    throw new ApiError('permission_denied', 'You do not have permission to perform this action.');
  }
  const name = tenant ?? kind.kind;
  if (kind.destroys && confirm !== name) {
    throw new ValidationFailed({
      confirm: [confirm === undefined ? 'This field is required.' : `Repeat "${name}" to confirm.`],
    });
  }
}

/** @throws ValidationFailed on each invalid argument: `arguments.domain` */
function assertArguments({ arguments: schema }: OperationKind, given: unknown): void {
  try {
    validate(schema, given);
  } catch (error) {
    if (!(error instanceof ValidationFailed)) {
      throw error;
    }
    throw new ValidationFailed(
      Object.fromEntries(
        Object.entries(error.fields).map(([name, messages]) => [
          name === 'non_field_errors' ? 'arguments' : `arguments.${name}`,
          messages,
        ]),
      ),
    );
  }
}

/**
 * Reads the body of a request for an operation.
 *
 * @throws ApiError `permission_denied`, or ValidationFailed
 */
export function readRequest({ kinds }: Pick<Operators, 'kinds'>, ctx: Context): OperationRequest {
  const { kind: name, tenant = null, arguments: given = {}, confirm } = readBody(ctx, operationRequest);
  const kind = kinds.find((each) => each.kind === name);
  if (!kind) {
    throw new ValidationFailed({ kind: [`"${name}" is not a valid choice.`] });
  }
  const operator = operatorOf(ctx);
  assertAllowed(kind, operator, { tenant, arguments: given, confirm });
  assertArguments(kind, given);
  return {
    kind: name,
    tenant,
    arguments: given,
    actor: operator.username,
    address: ctx.ip,
    idempotencyKey: hasIdempotencyKey(ctx) ? { userId: operator.id, key: readIdempotencyKey(ctx) } : null,
  };
}
