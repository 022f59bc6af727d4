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

/** The statuses in which a kind has an effect. Other kinds need a tenant that is not deleted. */
const STATUSES: Readonly<Record<string, readonly string[]>> = {
  'suspend-tenant': ['active'],
  'resume-tenant': ['suspended'],
  'start-maintenance': ['active', 'suspended'],
  'end-maintenance': ['maintenance'],
  'undelete-tenant': ['deleted'],
  'purge-tenant': ['deleted'],
};

/** Returns the kinds that the page offers for a tenant. Those that destroy are last. */
export const actionsOf = (
  { status }: Pick<TenantDetail, 'status'>,
  kinds: Iterable<OperationKind>,
): readonly OperationKind[] =>
  [...kinds]
    .filter(
      ({ kind, target }) =>
        target !== 'fleet' &&
        !ELSEWHERE.has(kind) &&
        (STATUSES[kind]?.includes(status) ?? status !== 'deleted'),
    )
    .sort((one, other) => Number(one.destroys) - Number(other.destroys));
