/** The login of one pool shard. */
export type LaneLogin = Readonly<{ login: string; password: string }>;

/**
 * The logins of all lanes, in order. The first `shared` lanes serve the tenants without a pinned lane. Each
 * further lane serves the tenants that are pinned to it.
 */
export type LaneLogins = Readonly<{ logins: readonly LaneLogin[]; shared: number }>;

export const NO_LANE_LOGINS: LaneLogins = { logins: [], shared: 0 };

const LOGIN = /^[a-z_][a-z0-9_]{0,62}$/;

/**
 * Parses `LANE_LOGINS`: `login:password` pairs separated by commas.
 *
 * @throws TypeError naming the invalid pair, without its password
 */
export function parseLaneLogins(text: string): readonly LaneLogin[] {
  const pairs = text
    .split(/[,\n]/)
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '');
  const logins = pairs.map((pair, index) => {
    const at = pair.indexOf(':');
    const [login, password] = [pair.slice(0, at), pair.slice(at + 1)];
    if (at < 1 || !LOGIN.test(login) || password.length < 16) {
      throw new TypeError(
        `pair ${index + 1} must be <login>:<password>, with a login of lowercase letters, digits and _, and a password of at least 16 characters`,
      );
    }
    return { login, password };
  });
  if (new Set(logins.map(({ login }) => login)).size !== logins.length) {
    throw new TypeError('every lane must have a login of its own');
  }
  return logins;
}
