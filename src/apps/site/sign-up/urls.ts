import { originOf } from '../../../http/host.ts';
import type { Context } from '../../../http/state.ts';
import type { SiteDependencies } from './sign-up.ts';

/** Returns the URL of a tenant, with scheme and port of the request. */
export function urlOfTenant(
  ctx: Pick<Context, 'protocol' | 'host'>,
  { environment: { BASE_DOMAIN } }: Pick<SiteDependencies, 'environment'>,
  slug: string,
): string {
  const [port = ''] = /:\d+$/.exec(ctx.host) ?? [];
  return `${ctx.protocol}://${slug}.${BASE_DOMAIN}${port}/`;
}

/** Returns the status URL of a sign-up. */
export const statusUrl = (ctx: Pick<Context, 'protocol' | 'host'>, statusKey: string): string =>
  `${originOf(ctx)}/api/signup/${statusKey}/`;
