import createClient from 'openapi-fetch';
import { failureOf } from './failure';
import type { paths as SitePaths } from './generated/site';
import type { paths as TenantPaths } from './generated/tenant';
import { sendWithToken } from './session';

const options = { baseUrl: '', fetch: sendWithToken };

/** The API of the public host. */
export const site = createClient<SitePaths>(options);

/** The API of a tenant's host. */
export const tenant = createClient<TenantPaths>(options);

/**
 * Returns the body of a response.
 *
 * @throws Failure for an error response
 */
export async function dataOf<Data>(
  sent: Promise<{ data?: Data; error?: unknown; response: Response }>,
): Promise<Data> {
  const { data, error, response } = await sent;
  if (!response.ok) {
    throw failureOf(response.status, error);
  }
  return data as Data;
}
