/** A host name or an address, or the directory of a Unix-domain socket, and the port. */
export type ServerAddress = Readonly<{ host: string; port: string; isSocket: boolean }>;

/**
 * Returns the server that a database URL names, as pg and libpq read it: the parameters `host` and
 * `port` come first, and a host that begins with `/` is the directory of a Unix-domain socket.
 */
export function serverAddress(url: string): ServerAddress {
  const { hostname, port, searchParams } = new URL(url);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname).replace(/^\[|\]$/g, '');
  return { host, port: searchParams.get('port') ?? (port || '5432'), isSocket: host.startsWith('/') };
}

/** Returns the server of a database URL for a message. */
export function serverName(url: string): string {
  const { host, port, isSocket } = serverAddress(url);
  if (host === '') {
    return 'the local socket';
  }
  return isSocket ? `${host}/.s.PGSQL.${port}` : `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
