import type pg from 'pg';

/** Returns the connection settings for a URL. */
export const connectionTo = (url: string): pg.ClientConfig => ({ connectionString: url });

/** Does the same as `connectionTo`, with another login. Null: the login of the URL. */
export function connectionAs(
  url: string,
  login: { login: string; password: string } | null,
): pg.ClientConfig {
  if (!login) {
    return connectionTo(url);
  }
  const whole = new URL(url);
  if (whole.hostname === '') {
    // A URL of a Unix socket cannot have a user before the host.
    whole.searchParams.set('user', login.login);
    whole.searchParams.set('password', login.password);
  } else {
    whole.username = encodeURIComponent(login.login);
    whole.password = encodeURIComponent(login.password);
  }
  return connectionTo(whole.href);
}

/** Returns the user of a database URL, and its password or null. */
export function loginOf(url: string): { user: string; password: string | null } {
  const { username, password } = new URL(url);
  return { user: decodeURIComponent(username), password: password ? decodeURIComponent(password) : null };
}
