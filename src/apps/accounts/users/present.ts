import type { Account, LoginField } from './account-queries.ts';

type Public = Pick<Account, 'id' | 'username' | 'email'>;

/** Returns the public fields of a user, in Djoser's order: never the hash or the flags. */
export const present = (
  { id, username, email }: Public,
  { LOGIN_FIELD: field }: Readonly<{ LOGIN_FIELD: LoginField }>,
): Public => (field === 'email' ? { username, id, email } : { email, id, username });

/** Returns the public fields of a new user, in Djoser's order. */
export const presentCreated = (
  { id, username, email }: Public,
  { LOGIN_FIELD: field }: Readonly<{ LOGIN_FIELD: LoginField }>,
): Public => (field === 'email' ? { username, email, id } : { email, username, id });
