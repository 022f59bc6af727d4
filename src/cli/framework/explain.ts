import { connectionFailure, tlsFault, unreachable, unreachableAt } from '../../db/admin/unreachable.ts';
import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import { translateViolation } from '../../db/violations.ts';
import { ApiError, type DomainError, OperatorError, Unavailable } from '../../errors.ts';

const UNDEFINED = [
  SQLSTATE.INVALID_SCHEMA_NAME,
  SQLSTATE.UNDEFINED_TABLE,
  SQLSTATE.UNDEFINED_FUNCTION,
] as const;

/** Matches the names of the shared schema in PostgreSQL's messages. */
const OF_SHARED_SCHEMA =
  /(?:^|[ "])(?:tenancy|tenancy_migrations)[."]|(?:^|[ "])public\.(?:tenants|domains)\b/;

type SocketError = { address?: unknown; port?: unknown; errors?: readonly unknown[]; cause?: unknown };

/** Returns the address in a socket's error, or in its causes. */
function addressOf(error: unknown): string | null {
  for (let at = error, depth = 0; at instanceof Error && depth < 6; depth += 1) {
    const { address, port, errors, cause } = at as SocketError;
    if (address !== undefined && port !== undefined) {
      return `${address}:${port}`;
    }
    at = errors?.[0] ?? cause;
  }
  return null;
}

const URLS = ['DATABASE_URL', 'OWNER_DATABASE_URL', 'LISTEN_DATABASE_URL'] as const;

/** Returns the variables whose URL has the login, or the database, that PostgreSQL rejected. */
function rejectedLogin(
  thrown: unknown,
  reason: string,
  environment: Readonly<Record<string, string | undefined>>,
): DomainError {
  const [, name] = /(?:user|role|database) "([^"]*)"/.exec(reason) ?? [];
  const given = URLS.flatMap((variable) => {
    const url = environment[variable];
    return url && URL.canParse(url) ? [{ variable, url: new URL(url) }] : [];
  });
  const found = given.filter(
    ({ url }) =>
      decodeURIComponent(url.username) === name || decodeURIComponent(url.pathname.slice(1)) === name,
  );
  const [first] = found;
  const further = environment.DATABASES || environment.OWNER_DATABASES;
  if (!first || further) {
    return new ApiError(
      'database_unavailable',
      `Cannot connect to PostgreSQL: ${reason}. Check ${found.length > 0 ? found.map(({ variable }) => variable).join(', ') : 'the URLs'}${further ? ', DATABASES and OWNER_DATABASES' : ''}.`,
      { cause: thrown },
    );
  }
  return unreachableAt(
    first.url.host,
    thrown,
    found.map(({ variable }) => variable),
  );
}

/**
 * Converts errors that are bugs to a client into messages for an operator: the server that cannot
 * be reached and the reason, a missing privilege, or a missing installation. Returns any other
 * error unchanged.
 */
export function explain(thrown: unknown, environment: Readonly<Record<string, string | undefined>>): unknown {
  const { OWNER_DATABASE_URL: ownerUrl, OWNER_DATABASES: further } = environment;
  const failure = connectionFailure(thrown);
  if (failure?.rejected) {
    return rejectedLogin(thrown, failure.reason, environment);
  }
  const known = translateViolation(thrown);
  if (known instanceof Unavailable) {
    const address = further && known.code === 'database_unavailable' ? addressOf(known) : null;
    if (address !== null) {
      return unreachableAt(address, thrown, ['the URL with this address']);
    }
    return known.code === 'database_unavailable' && ownerUrl ? unreachable(ownerUrl, known) : known;
  }
  // With several databases, the error does not name the URL.
  const tls = tlsFault('one of the URLs', thrown);
  if (tls !== null) {
    return new ApiError('database_unavailable', tls, { cause: thrown });
  }
  const { message } = thrown as { message: string };
  if (hasSqlState(thrown, SQLSTATE.INSUFFICIENT_PRIVILEGE)) {
    return new OperatorError(
      'precondition_failed',
      `The login of OWNER_DATABASE_URL or OWNER_DATABASES lacks a privilege (${message}). docs/operations.md, "Managed services", lists what it needs.`,
    );
  }
  return hasSqlState(thrown, ...UNDEFINED) && OF_SHARED_SCHEMA.test(message)
    ? new OperatorError(
        'precondition_failed',
        'The shared schema is not installed in this database. Run `tenants migrate` first.',
      )
    : known;
}
