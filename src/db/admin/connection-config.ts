import type pg from 'pg';

/** Returns the connection settings for a URL. */
export const connectionTo = (url: string): pg.ClientConfig => ({ connectionString: url });

/** Returns the user of a database URL, and its password or null. */
export function loginOf(url: string): { user: string; password: string | null } {
  const { username, password } = new URL(url);
  return { user: decodeURIComponent(username), password: password ? decodeURIComponent(password) : null };
}
