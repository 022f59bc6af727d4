import { DomainError } from '../../errors.ts';

/** What TLS says of a certificate: Node's and OpenSSL's names. */
const CERTIFICATE = /CERT|_SIGNED|ISSUER|LEAF_SIGNATURE/;
/** pg's sentence, which has no code. */
const NO_TLS = 'The server does not support SSL connections';

/** What is wrong with TLS on the way to a server, or null where it is something else. */
export function tlsFault(host: string, cause: unknown): string | null {
  for (let at = cause, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth += 1) {
    const { code, message } = at as Error & { code?: unknown };
    if (typeof code === 'string' && CERTIFICATE.test(code)) {
      return `The certificate of PostgreSQL at ${host} is refused (${code}): sslrootcert=… in its URL names the file of its authority, and the host must be one that it is for.`;
    }
    if (message === NO_TLS) {
      return `PostgreSQL at ${host} speaks no TLS: switch ssl on there, or take sslmode out of its URL.`;
    }
  }
  return null;
}

/** For an operator: which server does not answer, and why, without the login and password of its URL. */
export function unreachable(url: string, cause: unknown): DomainError {
  const host = new URL(url).host || 'the local socket';
  return new DomainError(
    'database_unavailable',
    tlsFault(host, cause) ??
      `PostgreSQL at ${host} cannot be reached: start it, or mend DATABASE_URL and OWNER_DATABASE_URL.`,
    { cause },
  );
}
