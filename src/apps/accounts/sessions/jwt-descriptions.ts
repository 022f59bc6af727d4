import { z } from 'zod';

import { MEDIA_TYPES, type OperationDescription, type Security } from '../../../http/openapi/description.ts';
import { describedRefreshBody, loginBody, tokenBody } from '../bodies.ts';
import { nothing, refreshedTokens, tokenPair } from '../responses.ts';
import type { AccountSettings } from '../settings.ts';
import { TRANSPORT_HEADER } from './token-transport.ts';

type Headers = Readonly<Record<string, z.ZodType>>;

/** The refresh token is in the body, or in a cookie together with the CSRF token in a header. */
const SECURITY: Security = [{}, { refreshCookie: [], csrfToken: [] }];

/** Forms are rejected where the response sets cookies. */
const mediaTypes = ({ AUTH_COOKIES: isCookie }: AccountSettings): readonly string[] =>
  isCookie ? ['application/json'] : MEDIA_TYPES;

/** Clients of other origins cannot read the cookie, and read the header. */
const CSRF_OF_RESPONSE = {
  'X-CSRFToken': 'The CSRF token of the session. Only if the refresh token is in a cookie.',
};

/** With AUTH_COOKIES the header has no effect. */
const transportOf = ({ AUTH_COOKIES: isCookie }: AccountSettings): Headers =>
  isCookie
    ? {}
    : {
        [TRANSPORT_HEADER]: z
          .enum(['cookie'])
          .optional()
          .describe('With `cookie`, the refresh token is in a cookie in place of the body.'),
      };

const cookieHeaders = (settings: AccountSettings): Headers => ({
  ...transportOf(settings),
  'X-CSRFToken': z
    .string()
    .optional()
    .describe(
      'Required with the refresh token in a cookie: the value of the cookie `__Host-csrftoken` (without HTTPS: `csrftoken`), or of the header `X-CSRFToken` of the response to the login.',
    ),
});

const logout = {
  headers: cookieHeaders,
  body: describedRefreshBody,
  response: nothing,
  security: SECURITY,
  errors: ['token_not_valid', 'permission_denied'],
} as const;

/** The paths `/jwt/…` in OpenAPI documents, and in responses to OPTIONS. */
export const JWT_DESCRIPTIONS = {
  create: {
    id: 'auth_jwt_create',
    summary: 'Log in',
    description: 'Returns an access and a refresh token for a login name and a password.',
    body: loginBody,
    mediaTypes,
    headers: transportOf,
    response: tokenPair,
    responseHeaders: CSRF_OF_RESPONSE,
    errors: ['no_active_account'],
  },
  refresh: {
    id: 'auth_jwt_refresh',
    summary: 'Refresh a token',
    description: 'Returns an access token for a refresh token.',
    headers: cookieHeaders,
    body: describedRefreshBody,
    mediaTypes,
    response: refreshedTokens,
    responseHeaders: CSRF_OF_RESPONSE,
    security: SECURITY,
    errors: ['token_not_valid', 'permission_denied'],
  },
  verify: {
    id: 'auth_jwt_verify',
    summary: 'Check a token',
    description: 'Checks a token of either type.',
    body: tokenBody,
    response: nothing,
    errors: ['token_not_valid'],
  },
  logout: {
    id: 'auth_jwt_logout',
    summary: 'Log out',
    description: 'Ends the session of a refresh token, with its access tokens.',
    ...logout,
  },
  logoutAll: {
    id: 'auth_jwt_logout_all',
    summary: 'Log out everywhere',
    description: 'Ends all sessions and keys of the user of a refresh token.',
    ...logout,
  },
  impersonate: {
    id: 'auth_jwt_impersonate',
    summary: 'Act for a user',
    description: 'Opens a session of a user for an operator, with a token of the public site.',
    body: tokenBody,
    mediaTypes,
    headers: transportOf,
    response: tokenPair,
    responseHeaders: CSRF_OF_RESPONSE,
    errors: ['token_not_valid'],
  },
} as const satisfies Readonly<Record<string, OperationDescription<AccountSettings>>>;
