// As @node-rs/argon2 writes it. A hash of another kind would never match, and the
// user could not log in; a plain text would stand in the database for all to read.
const ARGON2ID = /^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}$/;

/** What is wrong with a value that is to be stored as a password; null when nothing is. */
export const storedPasswordFault = (value: unknown): string | null =>
  typeof value === 'string' && (ARGON2ID.test(value) || value.startsWith('!'))
    ? null
    : 'it is no argon2id hash ($argon2id$v=19$…), and a password is not stored as it is; `hash-password` makes one, "!" is no password at all';
