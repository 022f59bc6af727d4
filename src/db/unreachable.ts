import { DomainError } from '../errors.ts';

/** For an operator: which server does not answer, without the login and password of its URL. */
export function unreachable(url: string, cause: unknown): DomainError {
  const { host } = new URL(url);
  return new DomainError(
    'database_unavailable',
    `PostgreSQL at ${host || 'the local socket'} cannot be reached: start it, or mend DATABASE_URL and OWNER_DATABASE_URL.`,
    { cause },
  );
}
