import type pg from 'pg';

/** A connection's settings from its URL. */
export const connectionTo = (url: string): pg.ClientConfig => ({ connectionString: url });

/** The user of a database URL, and its password when it has one. */
export function loginOf(url: string): { user: string; password: string | null } {
  const { username, password } = new URL(url);
  return { user: decodeURIComponent(username), password: password ? decodeURIComponent(password) : null };
}
