import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import type { ProofKey } from '../context/keys.ts';
import { signMessage } from '../context/proof.ts';

/** Names of the functions of functions/operation*.sql and functions/operator-*.sql. */
export type OperatorFunction =
  | 'request_operation'
  | 'list_operations'
  | 'find_operation'
  | 'cancel_operation'
  | 'retry_operation'
  | 'list_dumps'
  | 'list_tenants'
  | 'show_tenant'
  | 'fleet_overview'
  | 'list_audit_events'
  | 'record_operator_event';

/** Calls a function with a proof over its name and its arguments. */
export type Call = (name: OperatorFunction, request: Readonly<Record<string, unknown>>) => Promise<unknown>;

export type FunctionCaller = Readonly<{
  /** Connections of the service's login to main, outside of any tenant. */
  pool: Pick<CommonQueryMethods, 'one'>;
  key: ProofKey;
}>;

const returned = z.strictObject({ result: z.unknown() });

/** Calls a function with a proof over its name and its arguments. */
export async function callOperatorFunction(
  { pool, key }: FunctionCaller,
  name: OperatorFunction,
  request: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const text = JSON.stringify(request);
  const { expires, text: proof } = signMessage(key, `operators.${name}|${text}`);
  const { result } = await pool.one(sql.type(returned)`
    select ${sql.identifier(['tenancy', name])}(${text}, ${expires}, ${proof}) as result
  `);
  return result;
}
