import { DomainError } from '../errors.ts';
import { domainName } from '../tenancy/tenant.ts';

/**
 * The name in a Host header, as domains are kept: lower case, without port and
 * without a trailing dot. An IP address is a name that no tenant has.
 *
 * @throws DomainError `host_malformed`
 */
export function hostName(header: string): string {
  const match = /^(\[[0-9a-f:.]+\]|[^:@/?#[\]\s]+)(?::\d{1,5})?$/i.exec(header);
  const name = match?.[1]?.toLowerCase().replace(/\.$/, '');
  if (!name || !(domainName.safeParse(name).success || /^(\[[0-9a-f:.]+\]|[0-9.]+)$/.test(name))) {
    throw new DomainError('host_malformed', 'The Host header is not a host name.');
  }
  return name;
}

/** Scheme and host as the client wrote them, for absolute links. (Koa's own `ctx.origin` is the Origin header.) */
export const originOf = (ctx: Readonly<{ protocol: string; host: string }>): string =>
  `${ctx.protocol}://${ctx.host}`;
