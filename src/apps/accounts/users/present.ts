import type { Account } from './account-queries.ts';

/** Returns the public fields of a user, as Djoser does: never the hash or the flags. */
export const present = ({ id, username, email }: Pick<Account, 'id' | 'username' | 'email'>) => ({
  id,
  username,
  email,
});
