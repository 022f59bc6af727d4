import { ApiError, type DomainError } from '../../errors.ts';
import { SQLSTATE } from '../sqlstate.ts';
import { serverName } from './server-address.ts';

/** Codes of TLS errors about a certificate, of Node and OpenSSL. */
const CERTIFICATE = /CERT|_SIGNED|ISSUER|LEAF_SIGNATURE/;
/** pg's message, because the error has no code. */
const NO_TLS = 'The server does not support SSL connections';

/** An error of Node, pg or Slonik. Slonik also keeps causes that are not errors. */
type Caused = Readonly<{
  message?: unknown;
  code?: unknown;
  severity?: unknown;
  hostname?: unknown;
  errors?: readonly unknown[];
  cause?: unknown;
}>;

/** Yields the error and its causes. Node puts the errors of several addresses in a list. */
function* causesOf(error: unknown): Generator<Caused> {
  let at = error;
  for (let depth = 0; typeof at === 'object' && at !== null && depth < 8; depth += 1) {
    yield at as Caused;
    at = (at as Caused).errors?.[0] ?? (at as Caused).cause;
  }
}

/** Returns the TLS problem in a connection to a server, or null for other problems. */
export function tlsFault(host: string, cause: unknown): string | null {
  for (const { code, message } of causesOf(cause)) {
    if (typeof code === 'string' && CERTIFICATE.test(code)) {
      return `The certificate of PostgreSQL at ${host} was rejected (${code}). Check sslrootcert=… in the URL, and that the certificate is valid for this host.`;
    }
    if (message === NO_TLS) {
      return `PostgreSQL at ${host} does not support TLS. Enable ssl on the server, or remove sslmode from the URL.`;
    }
  }
  return null;
}

const SOCKET_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was closed',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ENOENT: 'the socket does not exist',
  ENOTFOUND: 'the hostname does not resolve',
  EAI_AGAIN: 'the hostname does not resolve',
  ETIMEDOUT: 'timed out',
};

/** The reason that PostgreSQL or the network reports for a failed connection. */
export type ConnectionFailure = Readonly<{
  reason: string;
  /** Whether PostgreSQL was reached, but rejected the login, the password or the database. */
  rejected: boolean;
}>;

const REJECTED: ReadonlySet<unknown> = new Set([
  SQLSTATE.INVALID_AUTHORIZATION_SPECIFICATION,
  SQLSTATE.INVALID_PASSWORD,
  SQLSTATE.INVALID_CATALOG_NAME,
  // The login has no CONNECT privilege.
  SQLSTATE.INSUFFICIENT_PRIVILEGE,
]);

/** Returns why a connection failed, or null if the error is not about a connection. */
export function connectionFailure(error: unknown): ConnectionFailure | null {
  for (const { code, message, severity } of causesOf(error)) {
    if (severity === 'FATAL' && typeof message === 'string') {
      return { reason: message, rejected: REJECTED.has(code) };
    }
    const socket =
      typeof code === 'string' && Object.hasOwn(SOCKET_REASONS, code) ? SOCKET_REASONS[code] : undefined;
    if (socket !== undefined) {
      return { reason: socket, rejected: false };
    }
    if (typeof message === 'string' && /timeout (expired|exceeded)|connect timeout/i.test(message)) {
      return { reason: 'timed out', rejected: false };
    }
  }
  return null;
}

/**
 * Creates an error for an operator that names the unreachable server and the reason, without the login
 * and password of its URL.
 *
 * @param variables names of the variables that may be wrong
 */
export function unreachable(
  url: string,
  cause: unknown,
  variables: readonly string[] = ['DATABASE_URL', 'OWNER_DATABASE_URL'],
): DomainError {
  return unreachableAt(serverName(url), cause, variables);
}

/** Creates the same error as `unreachable`, for an address. */
export function unreachableAt(host: string, cause: unknown, variables: readonly string[]): DomainError {
  const failure = connectionFailure(cause);
  const reason = failure === null ? '' : `: ${failure.reason}`;
  const names = variables.join(' and ');
  const remedy = failure?.rejected ? `Check ${names}.` : `Start PostgreSQL, or check ${names}.`;
  return new ApiError(
    'database_unavailable',
    tlsFault(host, cause) ?? `Cannot connect to PostgreSQL at ${host}${reason}. ${remedy}`,
    { cause },
  );
}
