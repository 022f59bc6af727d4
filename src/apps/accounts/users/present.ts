import type { Account } from './account-queries.ts';

/** What is told of a user, here and by Djoser: never the hash, never the flags. */
export const present = ({ id, username, email }: Pick<Account, 'id' | 'username' | 'email'>) => ({
  id,
  username,
  email,
});
