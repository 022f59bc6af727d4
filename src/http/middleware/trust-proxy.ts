import proxyAddress from 'proxy-addr';

import type { AppMiddleware } from '../state.ts';

const listed = (header: string | undefined): readonly string[] =>
  header === undefined || header === '' ? [] : header.split(',').map((part) => part.trim());

/**
 * Reduces X-Forwarded-For, -Proto and -Host to the values of the outermost trusted proxy, and
 * removes them when the sender is not one: Koa's `ctx.ip`, `ctx.protocol` and `ctx.host` trust
 * these headers. Values that clients add are dropped. `Forwarded` and other headers are never
 * read.
 */
export function trustProxy({
  trusted,
}: {
  trusted: (address: string, hop: number) => boolean;
}): AppMiddleware {
  return async function trustProxy(ctx, next) {
    const { headers } = ctx.req;
    const addresses = proxyAddress.all(ctx.req, trusted);
    const [sender = ''] = addresses;
    const isTrusted = trusted(sender, 0);
    // Each hop appends its value, or replaces the others.
    const hops = Math.max(1, addresses.length - 1);
    const keep = (name: string, value: string | undefined): void => {
      if (value === undefined) {
        delete headers[name];
      } else {
        headers[name] = value;
      }
    };
    keep('x-forwarded-for', isTrusted && addresses.length > 1 ? addresses.at(-1) : undefined);
    for (const name of ['x-forwarded-proto', 'x-forwarded-host']) {
      const values = listed(headers[name]?.toString());
      keep(name, isTrusted ? values[Math.max(0, values.length - hops)] : undefined);
    }
    await next();
  };
}
