import { ApiError } from '../../errors.ts';
import type { Directory } from '../../tenancy/context/directory.ts';
import { requestHost } from '../host.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Sets `ctx.state.tenant` from the host only. A tenant named in a token, a path or a body is not
 * trusted.
 *
 * `siteDomain` is where an unknown host is redirected when `showSite` is on.
 */
export function findTenant({
  directory,
  siteDomain,
  showSite,
}: {
  directory: Pick<Directory, 'find'>;
  siteDomain: string;
  showSite: boolean;
}): AppMiddleware {
  return async function findTenant(ctx, next) {
    const host = requestHost(ctx);
    const tenant = (await directory.find(host)) ?? (showSite ? await directory.find(siteDomain) : null);
    if (!tenant) {
      throw new ApiError('tenant_not_found', 'No such tenant.');
    }
    ctx.state.tenant = tenant;
    ctx.vary('Host');
    // A cache that keys by path alone would send one tenant's response to another.
    ctx.set('Cache-Control', 'no-store');
    await next();
  };
}
