import { badToken, badTokenSent, forbidden, logIn, me, user } from './answers.ts';
import type { Asking, Case, Settings } from './case.ts';
import { aToken, type Rule } from './shape.ts';

const settings: Settings = { AUTH_COOKIES: true };
const particular = 'SimpleJWT has no cookies';

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

/** The refresh token where no script reads it, the CSRF token where ours can; both for this host alone. */
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

const enter: Asking = {
  ...logIn('<name>', '<password>'),
  answer: { access: aToken('access', 300) },
  answerHeaders: { 'set-cookie': bothSet, 'cache-control': 'no-store' },
};
const by = (refresh: string, csrf: string | null) => ({
  bearer: null,
  headers: { Cookie: `refresh=${refresh}`, ...(csrf === null ? {} : { 'X-CSRFToken': csrf }) },
});
const CSRF = forbidden('CSRF Failed: CSRF token missing or incorrect.');
const good = { status: 200, answer: {} };

export const cookies: readonly Case[] = [
  {
    what: 'a log in gives the access token, and the refresh token in a cookie that no script reads',
    settings,
    particular,
    who: 'newcomer',
    steps: [enter, me({ status: 200, answer: user() })],
  },
  {
    what: 'a cookie is exchanged for a page of ours only',
    settings,
    particular,
    who: 'newcomer',
    steps: [
      { ask: 'POST /jwt/refresh/', ...by('<refresh>', null), ...CSRF },
      { ask: 'POST /jwt/refresh/', ...by('<refresh>', 'nonsense'), ...CSRF },
      { ask: 'POST /jwt/refresh/', ...by('<refresh>', '<resident.csrf>'), ...CSRF },
      {
        ask: 'POST /jwt/refresh/',
        ...by('<refresh>', '<csrf>'),
        status: 200,
        answer: { access: aToken('access', 300) },
        answerHeaders: { 'set-cookie': bothSet },
        keep: { next: 'cookie refresh', 'next.csrf': 'cookie csrftoken' },
      },
      {
        ask: 'POST /jwt/refresh/',
        ...by('<next>', '<next.csrf>'),
        send: {},
        status: 200,
        answer: { access: aToken('access', 300) },
      },
    ],
  },
  {
    what: 'a log out by cookie needs a page of ours, ends the session and clears the cookies',
    settings,
    particular,
    who: 'newcomer',
    steps: [
      { ask: 'POST /jwt/logout/', ...by('<refresh>', null), ...CSRF },
      me({ status: 200, answer: user() }),
      {
        ask: 'POST /jwt/logout/',
        ...by('<refresh>', '<csrf>'),
        ...good,
        answerHeaders: { 'set-cookie': bothCleared },
      },
      me(badToken('Token is blacklisted')),
      { ask: 'POST /jwt/refresh/', ...by('<refresh>', '<csrf>'), ...badTokenSent('Token is blacklisted') },
    ],
  },
  {
    what: 'a log out everywhere by cookie needs a page of ours',
    settings,
    particular,
    who: 'newcomer',
    steps: [
      { ask: 'POST /jwt/logout_all/', ...by('<refresh>', null), ...CSRF },
      { ask: 'POST /jwt/logout_all/', ...by('<refresh>', '<csrf>'), ...good },
      me(badToken('Token is blacklisted')),
    ],
  },
  {
    what: 'a token in the body needs no header beside it: no browser sends that by itself',
    settings,
    particular,
    who: 'newcomer',
    steps: [
      {
        ask: 'POST /jwt/refresh/',
        bearer: null,
        send: { refresh: '<refresh>' },
        status: 200,
        answer: { access: aToken('access', 300) },
      },
    ],
  },
  {
    what: 'without a token in the body or in a cookie there is nothing to exchange',
    settings,
    particular,
    steps: ['refresh', 'logout', 'logout_all'].map((action) => ({
      ask: `POST /jwt/${action}/`,
      ...badTokenSent('Token is invalid'),
    })),
  },
  {
    what: 'a cookie opens nothing beside the exchange',
    settings,
    particular,
    who: 'newcomer',
    steps: [
      {
        ask: 'GET /users/me/',
        ...by('<refresh>', '<csrf>'),
        status: 401,
        answer: {
          detail: 'Authentication credentials were not provided.',
          code: 'not_authenticated',
        },
      },
    ],
  },
  {
    what: 'a cookie is not looked at where tokens come in bodies',
    who: 'newcomer',
    steps: [
      {
        ask: 'POST /jwt/refresh/',
        ...by('<refresh>', 'x'),
        status: 400,
        answer: { refresh: ['This field is required.'] },
      },
      {
        ...logIn('<name>', '<password>'),
        answerHeaders: { 'set-cookie': (value) => (value === undefined ? null : 'is set') },
      },
    ],
  },
];
