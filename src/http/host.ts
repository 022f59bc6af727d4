import { ApiError } from '../errors.ts';
import { createGrowingCache } from '../growing-cache.ts';
import { domainName } from '../tenancy/registry/tenant.ts';

/** Maximum characters: a name, a trailing dot and a port. */
const MAX_LENGTH = 253 + 1 + 6;

/**
 * Returns the hostname of a Host header as domains are stored: lowercase, without port and
 * trailing dot. An IP address is returned as a name that no tenant has.
 *
 * @throws ApiError `host_malformed`
 */
export function hostName(header: string): string {
  const match =
    header.length > MAX_LENGTH ? null : /^(\[[0-9a-f:.]+\]|[^:@/?#[\]\s]+)(?::(\d{1,5}))?$/i.exec(header);
  const [, given, port = '80'] = match ?? [];
  const name = given?.toLowerCase().replace(/\.$/, '');
  if (!name || !(domainName.safeParse(name).success || /^(\[[0-9a-f:.]+\]|[0-9.]+)$/.test(name))) {
    throw malformed('The Host header is not a hostname.');
  }
  if (Number(port) < 1 || Number(port) > 65_535) {
    throw malformed('The port in the Host header is invalid.');
  }
  return name;
}

/** Names of valid headers. */
const known = createGrowingCache<string, string>(10_000);

function knownHostName(header: string): string {
  const found = known.get(header);
  if (found !== undefined) {
    return found;
  }
  const name = hostName(header);
  known.set(header, name);
  return name;
}

/** The properties of Koa's context that name the requested host. */
type Sent = Readonly<{
  req: Readonly<{
    rawHeaders: readonly string[];
    headers: Readonly<Record<string, unknown>>;
    url?: string | undefined;
  }>;
  app: Readonly<{ proxy: boolean }>;
}>;

const malformed = (message: string): ApiError => new ApiError('host_malformed', message);

/**
 * Returns the one host that a request names.
 *
 * Reads the header itself: Koa's `ctx.host` accepts `user@host`. Two Host headers, and a request
 * line with a different host, are rejected: a proxy may have read the other one.
 *
 * @throws ApiError `host_malformed`
 */
export function requestHost({ req, app }: Sent): string {
  const { rawHeaders, url = '' } = req;
  let given: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === 'host') {
      if (given !== undefined) {
        throw malformed('The request has more than one Host header.');
      }
      given = rawHeaders[index + 1];
    }
  }
  const header = given ?? '';
  const line = url.startsWith('/') ? undefined : /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1];
  if (line !== undefined && line.toLowerCase() !== header.toLowerCase()) {
    throw malformed('The request line names another host than the Host header.');
  }
  const forwarded = app.proxy
    ? String(req.headers['x-forwarded-host'] ?? '')
        .split(',')[0]
        ?.trim()
    : '';
  return knownHostName(forwarded || header);
}

/**
 * Returns scheme and host as the client wrote them, for absolute links. (Koa's own `ctx.origin` is
 * the Origin header.)
 */
export const originOf = (ctx: Readonly<{ protocol: string; host: string }>): string =>
  `${ctx.protocol}://${ctx.host}`;
