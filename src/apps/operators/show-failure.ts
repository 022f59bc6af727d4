import { HIDDEN } from '../../tenancy/registry/secret-settings.ts';

type Failure = Readonly<{ message: string; message_without_values: string | null }>;

/** Returns why a migration failed. Only superusers get a message that may quote values of a tenant's rows. */
export function showFailure<T extends Failure>(
  { message_without_values: withoutValues, ...failure }: T,
  { isSuperuser }: Readonly<{ isSuperuser: boolean }>,
): Omit<T, 'message_without_values'> {
  return isSuperuser ? failure : { ...failure, message: withoutValues ?? HIDDEN };
}
