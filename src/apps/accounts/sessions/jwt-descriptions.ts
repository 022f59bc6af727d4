import { z } from 'zod';

import { MEDIA_TYPES, type OperationDescription, type Security } from '../../../http/openapi/description.ts';
import { loginBody, refreshBody, tokenBody } from '../bodies.ts';
import { nothing, refreshedTokens, tokenPair } from '../responses.ts';
import type { AccountSettings } from '../settings.ts';

/** With cookies, the refresh token is sent in one, together with the CSRF token in a header. */
const cookieSecurity = ({ AUTH_COOKIES: isCookie }: AccountSettings): Security =>
  isCookie ? [{}, { refreshCookie: [], csrfToken: [] }] : [];

/** Forms are rejected where the response sets cookies. */
const mediaTypes = ({ AUTH_COOKIES: isCookie }: AccountSettings): readonly string[] =>
  isCookie ? ['application/json'] : MEDIA_TYPES;

/** Clients of other origins cannot read the cookie, and read the header. */
const csrfOfResponse = ({ AUTH_COOKIES: isCookie }: AccountSettings): Readonly<Record<string, string>> =>
  isCookie
    ? { 'X-CSRFToken': 'The CSRF token of the session, for requests with the refresh token in a cookie.' }
    : {};

const csrfOfRequest = ({ AUTH_COOKIES: isCookie }: AccountSettings): Readonly<Record<string, z.ZodType>> =>
  isCookie
    ? {
        'X-CSRFToken': z
          .string()
          .optional()
          .describe(
            'Required with the refresh token in a cookie: the value of the cookie `csrftoken`, or of the header of the login.',
          ),
      }
    : {};

const logout = {
  headers: csrfOfRequest,
  body: refreshBody,
  response: nothing,
  security: cookieSecurity,
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
    response: tokenPair,
    responseHeaders: csrfOfResponse,
    errors: ['no_active_account'],
  },
  refresh: {
    id: 'auth_jwt_refresh',
    summary: 'Refresh a token',
    description: 'Returns an access token for a refresh token.',
    body: refreshBody,
    mediaTypes,
    response: refreshedTokens,
    headers: csrfOfRequest,
    responseHeaders: csrfOfResponse,
    security: cookieSecurity,
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
    response: tokenPair,
    responseHeaders: csrfOfResponse,
    errors: ['token_not_valid'],
  },
} as const satisfies Readonly<Record<string, OperationDescription<AccountSettings>>>;
