import type { Case, RequestStep, Settings } from './case.ts';
import { badToken, badTokenSent, forbidden, logIn, me, user } from './responses.ts';
import { aToken, type Rule } from './shape.ts';

const settings: Settings = { AUTH_COOKIES: true };
const difference = 'SimpleJWT has no cookies';

const attributesOf = (lines: unknown, name: string): ReadonlyMap<string, string> | null => {
  const line = (Array.isArray(lines) ? (lines as string[]) : []).find((text) => text.startsWith(`${name}=`));
  return line === undefined
    ? null
    : new Map(
        line.split(/; */).map((part) => {
          const [key = '', value = ''] = part.split('=');
          return [key.toLowerCase(), value.toLowerCase()];
        }),
      );
};

/** The refresh token is HttpOnly, the CSRF token is readable by scripts, and both are for this host only. */
const bothSet: Rule = (lines) => {
  for (const [name, hidden] of [
    ['refresh', true],
    ['csrftoken', false],
  ] as const) {
    const cookie = attributesOf(lines, name);
    const isRight =
      cookie !== null &&
      cookie.get(name) !== '' &&
      cookie.has('httponly') === hidden &&
      cookie.get('samesite') === 'lax' &&
      cookie.get('path') === '/' &&
      !cookie.has('domain') &&
      Date.parse(cookie.get('expires') ?? '') > Date.now();
    if (!isRight) {
      return `sets ${name} as ${JSON.stringify(lines)}`;
    }
  }
  return null;
};
const bothCleared: Rule = (lines) =>
  ['refresh', 'csrftoken'].every((name) => {
    const cookie = attributesOf(lines, name);
    return cookie?.get(name) === '' && Date.parse(cookie.get('expires') ?? '') < Date.now();
  })
    ? null
    : `does not clear both: ${JSON.stringify(lines)}`;

const enter: RequestStep = {
  ...logIn('<name>', '<password>'),
  responseBody: { access: aToken('access', 300) },
  responseHeaders: { 'set-cookie': bothSet, 'cache-control': 'no-store' },
};
const by = (refresh: string, csrf: string | null) => ({
  bearer: null,
  headers: { Cookie: `refresh=${refresh}`, ...(csrf === null ? {} : { 'X-CSRFToken': csrf }) },
});
const CSRF = forbidden('CSRF Failed: CSRF token missing or incorrect.');
const good = { status: 200, responseBody: {} };

export const cookies: readonly Case[] = [
  {
    title: 'a login returns the access token, and sets the refresh token in an HttpOnly cookie',
    settings,
    difference,
    caller: 'newcomer',
    steps: [enter, me({ status: 200, responseBody: user() })],
  },
  {
    title: 'refreshes with the cookie only if the CSRF header is valid',
    settings,
    difference,
    caller: 'newcomer',
    steps: [
      { endpoint: 'POST /jwt/refresh/', ...by('<refresh>', null), ...CSRF },
      { endpoint: 'POST /jwt/refresh/', ...by('<refresh>', 'nonsense'), ...CSRF },
      { endpoint: 'POST /jwt/refresh/', ...by('<refresh>', '<resident.csrf>'), ...CSRF },
      {
        endpoint: 'POST /jwt/refresh/',
        ...by('<refresh>', '<csrf>'),
        status: 200,
        responseBody: { access: aToken('access', 300) },
        responseHeaders: { 'set-cookie': bothSet },
        keep: { next: 'cookie refresh', 'next.csrf': 'cookie csrftoken' },
      },
      {
        endpoint: 'POST /jwt/refresh/',
        ...by('<next>', '<next.csrf>'),
        send: {},
        status: 200,
        responseBody: { access: aToken('access', 300) },
      },
    ],
  },
  {
    title: 'a logout with the cookie requires the CSRF header, ends the session and clears the cookies',
    settings,
    difference,
    caller: 'newcomer',
    steps: [
      { endpoint: 'POST /jwt/logout/', ...by('<refresh>', null), ...CSRF },
      me({ status: 200, responseBody: user() }),
      {
        endpoint: 'POST /jwt/logout/',
        ...by('<refresh>', '<csrf>'),
        ...good,
        responseHeaders: { 'set-cookie': bothCleared },
      },
      me(badToken('Token is blacklisted')),
      {
        endpoint: 'POST /jwt/refresh/',
        ...by('<refresh>', '<csrf>'),
        ...badTokenSent('Token is blacklisted'),
      },
    ],
  },
  {
    title: 'a logout of all sessions with the cookie requires the CSRF header',
    settings,
    difference,
    caller: 'newcomer',
    steps: [
      { endpoint: 'POST /jwt/logout_all/', ...by('<refresh>', null), ...CSRF },
      { endpoint: 'POST /jwt/logout_all/', ...by('<refresh>', '<csrf>'), ...good },
      me(badToken('Token is blacklisted')),
    ],
  },
  {
    title: 'a token in the body requires no CSRF header, because browsers do not send one automatically',
    settings,
    difference,
    caller: 'newcomer',
    steps: [
      {
        endpoint: 'POST /jwt/refresh/',
        bearer: null,
        send: { refresh: '<refresh>' },
        status: 200,
        responseBody: { access: aToken('access', 300) },
      },
    ],
  },
  {
    title: 'rejects a refresh without a token in the body or in a cookie',
    settings,
    difference,
    steps: ['refresh', 'logout', 'logout_all'].map((action) => ({
      endpoint: `POST /jwt/${action}/`,
      ...badTokenSent('Token is invalid'),
    })),
  },
  {
    title: 'the cookie does not authenticate other requests',
    settings,
    difference,
    caller: 'newcomer',
    steps: [
      {
        endpoint: 'GET /users/me/',
        ...by('<refresh>', '<csrf>'),
        status: 401,
        responseBody: {
          detail: 'Authentication credentials were not provided.',
          code: 'not_authenticated',
        },
      },
    ],
  },
  {
    title: 'ignores the cookie if AUTH_COOKIES is off',
    caller: 'newcomer',
    steps: [
      {
        endpoint: 'POST /jwt/refresh/',
        ...by('<refresh>', 'x'),
        status: 400,
        responseBody: { refresh: ['This field is required.'] },
      },
      {
        ...logIn('<name>', '<password>'),
        responseHeaders: { 'set-cookie': (value) => (value === undefined ? null : 'is set') },
      },
    ],
  },
];
