import type { TenantSettings } from '../tenancy/registry/tenant-settings.ts';

/** Settings of a tenant, with the names of django-cors-headers. */
export type CorsSettings = Pick<
  TenantSettings,
  'CORS_ALLOWED_ORIGINS' | 'CORS_ALLOWED_ORIGIN_REGEXES' | 'CORS_ALLOW_CREDENTIALS'
>;

/** Maximum characters of an origin. A longer one is not compared. */
const MAX_ORIGIN = 300;

/**
 * Whether pages of an origin may use the API. An origin is compared exactly; a regular expression must match all of
 * it. `null`, the origin of sandboxed pages and local files, never matches.
 */
export function isCorsOrigin(
  settings: Omit<CorsSettings, 'CORS_ALLOW_CREDENTIALS'>,
  origin: string,
): boolean {
  if (origin === '' || origin === 'null' || origin.length > MAX_ORIGIN) {
    return false;
  }
  return (
    settings.CORS_ALLOWED_ORIGINS.includes(origin) ||
    settings.CORS_ALLOWED_ORIGIN_REGEXES.some((pattern) => pattern.test(origin))
  );
}
