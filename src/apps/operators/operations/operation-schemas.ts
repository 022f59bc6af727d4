import { z } from 'zod';

import { OPERATION_STATUSES } from '../../../tenancy/operations/operation.ts';

const at = z.iso.datetime();
const values = z.record(z.string(), z.unknown());

/** An operation: requested by an operator, run by the worker. */
export const operationItem = z
  .object({
    id: z.uuid(),
    kind: z.string(),
    /** The schema of the tenant. Null: the operation is about the whole fleet, or creates a tenant. */
    tenant: z.string().nullable(),
    /** Without those that are hidden, such as hashes. */
    arguments: values,
    status: z.enum(OPERATION_STATUSES),
    /** `total` is null if the number of steps is not known. */
    progress: z
      .object({ done: z.number(), total: z.number().nullable(), text: z.string().nullable() })
      .nullable(),
    /** Null in lists. */
    log: z.array(z.object({ at, text: z.string() })).nullable(),
    result: values.nullable(),
    error: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
    /** The username of the operator. */
    actor: z.string(),
    address: z.string().nullable(),
    attempts: z.int(),
    created_at: at,
    started_at: at.nullable(),
    ended_at: at.nullable(),
    is_canceling: z.boolean(),
    can_cancel: z.boolean(),
    can_retry: z.boolean(),
  })
  .meta({ id: 'Operation' });

export const kindItem = z
  .object({
    kind: z.string(),
    title: z.string(),
    description: z.string(),
    /** Whether `tenant` is null, a schema, or either. */
    target: z.enum(['fleet', 'tenant', 'tenant-or-site', 'tenant-or-fleet']),
    /** Whether it requires a superuser, and the schema name or the kind in `confirm`. */
    destroys: z.boolean(),
    /** The statuses of a tenant in which it can be requested. Otherwise: 409. */
    statuses: z.array(z.string()),
    /** JSON Schema of `arguments`, without those that the caller may not set. */
    arguments: values,
    /** For what the caller may request it: a tenant, the public site, or the whole fleet. Empty: for nothing. */
    allowed_targets: z.array(z.enum(['tenant', 'site', 'fleet'])),
  })
  .meta({ id: 'OperationKind' });
