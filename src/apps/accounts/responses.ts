import { z } from 'zod';

import { bySettings } from './by-settings.ts';

// The bodies of responses, as the OpenAPI document has them.

const token = z.string();

/** Missing if the request has the header X-Token-Transport. */
const refresh = token.optional().describe('Missing if it is in a cookie.');

/** Both tokens of a login, or the access token only if browsers get the other one in a cookie. */
export const tokenPair = bySettings(['AUTH_COOKIES'], ({ AUTH_COOKIES: isCookie }) =>
  isCookie
    ? z.object({ access: token }).meta({ id: 'AccessToken' })
    : z.object({ refresh, access: token }).meta({ id: 'TokenPair' }),
);

/** The tokens of a refresh: the refresh token is included if it was replaced. */
export const refreshedTokens = bySettings(
  ['AUTH_COOKIES', 'ROTATE_REFRESH_TOKENS'],
  ({ AUTH_COOKIES: isCookie, ROTATE_REFRESH_TOKENS: rotates }) =>
    !isCookie && rotates
      ? z.object({ access: token, refresh }).meta({ id: 'RefreshedTokens' })
      : z.object({ access: token }).meta({ id: 'AccessToken' }),
);

export const key = z.object({ auth_token: token }).meta({ id: 'Key' });

/** A user: `present`. The address may be empty. */
export const user = z.object({ id: z.int(), username: z.string(), email: z.string() }).meta({ id: 'User' });

/** An empty object, as the body of a response. */
export const nothing = z.object({});
