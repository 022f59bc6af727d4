import { dataOf, tenant } from '../api/client';
import { Failure } from '../api/failure';
import type { components } from '../api/generated/tenant';
import { formatBytes, formatName, formatNumber } from '../components/format';

export type Subscription = components['schemas']['Subscription'];
export type Limit = Subscription['limits'][number];

/**
 * Returns the subscription of the tenant. Null: the project has no billing.
 *
 * @throws Failure
 */
export async function loadSubscription(): Promise<Subscription | null> {
  try {
    return await dataOf(tenant.GET('/api/billing/'));
  } catch (error) {
    if (error instanceof Failure && error.status === 404) {
      return null;
    }
    throw error;
  }
}

/** Returns an amount in the unit of the limit. */
export function amountOf({ unit }: Limit, amount: number | null): string {
  switch (unit) {
    case 'bytes':
      return formatBytes(amount);
    case 'milliseconds':
      return amount === null ? '–' : `${formatNumber(amount)} ms`;
    default:
      return formatNumber(amount);
  }
}

/** `PROJECTS_LIMIT` becomes `Projects`. */
export const limitName = ({ setting }: Limit): string =>
  formatName(
    setting
      .toLowerCase()
      .replace(/_limit$/, '')
      .replace(/_mb$/, ''),
  );

/** Returns how much of a limit is used, in percent. Null: it is not counted, or not limited. */
export const percentOf = ({ limit, used }: Limit): number | null =>
  limit === null || used === null || limit === 0 ? null : Math.min(100, Math.round((used / limit) * 100));
