import { tlsFault, unreachable } from '../db/unreachable.ts';
import { translateViolation } from '../db/violations.ts';
import { DomainError, Unavailable } from '../errors.ts';

/** No such database, login or password. PostgreSQL's sentence names the one that is wrong. */
const REFUSED = new Set(['3D000', '28000', '28P01']);

const NOT_ALLOWED = '42501';

/** Undefined schema, table or function: nothing was installed. */
const NOT_INSTALLED = new Set(['3F000', '42P01', '42883']);

/**
 * For an operator, what would be a bug to a client: which server does not
 * answer, what the login may not do there, or that nothing is installed in it. Anything else as it came.
 */
export function explain(thrown: unknown, ownerUrl: string | undefined): unknown {
  const known = translateViolation(thrown);
  if (known instanceof Unavailable) {
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
  return NOT_INSTALLED.has(code)
    ? new DomainError(
        'precondition_failed',
        'The shared schema is not installed here: run `make migrate` first.',
      )
    : known;
}
