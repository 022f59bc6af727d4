import type { Tenant } from '../../../tenancy/registry/tenant.ts';

/** Returns the payment status of a tenant as text. */
export const describePayment = ({ onTrial, paidUntil }: Pick<Tenant, 'onTrial' | 'paidUntil'>): string =>
  onTrial ? 'on trial' : paidUntil ? `paid until ${paidUntil}` : 'no payment required';
