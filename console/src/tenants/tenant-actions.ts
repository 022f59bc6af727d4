import type { OperationKind } from '../operations/types';
import type { TenantDetail } from './types';

/** Kinds that other sections of the page show: at a domain, a setting, or the plan. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'add-domain',
  'verify-domain',
  'set-primary-domain',
  'remove-domain',
  'change-settings',
  'set-plan',
  'record-payment',
]);

/** Returns the kinds that the API accepts for a tenant in its status, by their name. */
export const offeredKinds = (
  { status }: Pick<TenantDetail, 'status'>,
  kinds: readonly OperationKind[],
): ReadonlyMap<string, OperationKind> =>
  new Map(
    kinds
      .filter(({ target, statuses }) => target !== 'fleet' && statuses.includes(status))
      .map((kind) => [kind.kind, kind]),
  );

/** Returns the offered kinds that no other section shows. Those that destroy are last. */
export const actionsOf = (kinds: ReadonlyMap<string, OperationKind>): readonly OperationKind[] =>
  [...kinds.values()]
    .filter(({ kind }) => !ELSEWHERE.has(kind))
    .sort((one, other) => Number(one.destroys) - Number(other.destroys));
