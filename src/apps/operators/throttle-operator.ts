import type { Context } from '../../http/state.ts';
import { type OperatorDependencies, operatorOf } from './operator-stacks.ts';

/**
 * Counts a request of an operator that changes something.
 *
 * @throws Unavailable `throttled`
 */
export const throttleOperator = (
  { throttle, environment }: Pick<OperatorDependencies, 'throttle' | 'environment'>,
  ctx: Context,
): Promise<void> =>
  throttle.consume('operator', environment.OPERATORS_THROTTLE, {
    tenant: ctx.state.tenant.id,
    account: operatorOf(ctx).id,
    address: ctx.ip,
  });
