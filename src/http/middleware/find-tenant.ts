import { ApiError } from '../../errors.ts';
import type { Directory } from '../../tenancy/context/directory.ts';
import { requestHost } from '../host.ts';
import type { AppMiddleware } from '../state.ts';

/**
 * Sets `ctx.state.tenant` to the tenant of the requested host. Never uses a tenant named in a token, a
 * path or a body.
 *
 * With `showSite`, an unknown host gets the tenant of `siteDomain`, which is the public site. Without it,
 * the response is 404.
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
    ctx.set('Vary', 'Host');
    // A cache whose key is only the path would send one tenant's response to another.
    ctx.set('Cache-Control', 'no-store');
    await next();
  };
}
