import { tlsFault, unreachable } from '../../db/admin/unreachable.ts';
import { translateViolation } from '../../db/violations.ts';
import { DomainError, Unavailable } from '../../errors.ts';

/** No such database, login or password. PostgreSQL's sentence names the one that is wrong. */
const REFUSED = new Set(['3D000', '28000', '28P01']);

const NOT_ALLOWED = '42501';

/** Undefined schema, table or function. */
const UNDEFINED = new Set(['3F000', '42P01', '42883']);

/** What the shared schema consists of, as PostgreSQL names what is missing. */
const OF_SHARED_SCHEMA =
  /(?:^|[ "])(?:tenancy|tenancy_migrations)[."]|(?:^|[ "])public\.(?:tenants|domains)\b/;

type SocketError = { address?: unknown; port?: unknown; errors?: readonly unknown[]; cause?: unknown };

/** The address that a socket could not reach, where the error, or one behind it, says it. */
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

/**
 * For an operator, what would be a bug to a client: which server does not
 * answer, what the login may not do there, or that nothing is installed in it. Anything else as it came.
 */
export function explain(
  thrown: unknown,
  { OWNER_DATABASE_URL: ownerUrl, OWNER_DATABASES: further }: Readonly<Record<string, string | undefined>>,
): unknown {
  const known = translateViolation(thrown);
  if (known instanceof Unavailable) {
    const address = further && known.code === 'database_unavailable' ? addressOf(known) : null;
    if (address !== null) {
      return new DomainError(
        'database_unavailable',
        `PostgreSQL at ${address} cannot be reached: start it, or mend the URL that leads there.`,
        { cause: thrown },
      );
    }
    return known.code === 'database_unavailable' && ownerUrl ? unreachable(ownerUrl, known) : known;
  }
  // Whose it is, of several databases, the error does not say.
  const tls = tlsFault('one of the URLs', thrown);
  if (tls !== null) {
    return new DomainError('database_unavailable', tls, { cause: thrown });
  }
  const { code = '', message } = thrown as { code?: string; message: string };
  if (REFUSED.has(code)) {
    return new DomainError('precondition_failed', `PostgreSQL refused the connection: ${message}.`);
  }
  if (code === NOT_ALLOWED) {
    return new DomainError(
      'precondition_failed',
      `The login of OWNER_DATABASE_URL or OWNER_DATABASES may not do that (${message}): docs/operations.md, "Managed services", has what it needs.`,
    );
  }
  return UNDEFINED.has(code) && OF_SHARED_SCHEMA.test(message)
    ? new DomainError(
        'precondition_failed',
        'The shared schema is not installed here: run `make migrate` first.',
      )
    : known;
}
