/** Returns the payment status of a tenant as text. */
export const describeStanding = ({
  on_trial,
  paid_until,
}: {
  on_trial: boolean;
  paid_until: string | null;
}): string => (on_trial ? 'on trial' : paid_until ? `paid until ${paid_until}` : 'never asked to pay');
