import {
  badToken,
  badTokenSent,
  invalid,
  logIn,
  me,
  noAccount,
  pair,
  unauthorized,
  user,
} from './answers.ts';
import type { Asking, Case, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { aToken } from './shape.ts';

const create = 'POST /jwt/create/';
const refresh = 'POST /jwt/refresh/';
const verify = 'POST /jwt/verify/';
const out = 'POST /jwt/logout/';
const outAll = 'POST /jwt/logout_all/';

const INVALID = badTokenSent('Token is invalid');
const BLACKLISTED = badTokenSent('Token is blacklisted');
/** Of a refresh token that is verified. */
const BLACKLISTED_HERE = invalid({ non_field_errors: 'Token is blacklisted' });
const WRONG_TYPE = badTokenSent('Token has wrong type');
const ENDED = badToken('Token is blacklisted');
const known = { status: 200, answer: user() };
const good = { status: 200, answer: {} };

const exchange = (token = '<refresh>'): Asking => ({
  ask: refresh,
  bearer: null,
  send: { refresh: token },
  status: 200,
  answer: { access: aToken('access', 300) },
});
const rotate = (token = '<refresh>'): Asking => ({ ...exchange(token), answer: pair() });
const again = (access: string, token: string): Asking => ({
  ...logIn('<name>', '<password>'),
  keep: { [access]: 'access', [token]: 'refresh' },
});
const rotating: Settings = { ROTATE_REFRESH_TOKENS: true };
const kept: Settings = { ...rotating, BLACKLIST_AFTER_ROTATION: false };
const brief: Settings = { ACCESS_TOKEN_LIFETIME: 60, REFRESH_TOKEN_LIFETIME: 3600 };

export const jwtCases: readonly Case[] = [
  ...faultsOfFields({
    ask: create,
    good: { username: 'a', password: 'b' },
    fields: { username: {}, password: {} },
  }),
  ...faultsOfFields({ ask: refresh, good: { refresh: 'x' }, fields: { refresh: {} } }),
  ...faultsOfFields({ ask: verify, good: { token: 'x' }, fields: { token: {} } }),
  ...faultsOfFields({ ask: out, good: { refresh: 'x' }, fields: { refresh: {} } }),
  ...faultsOfFields({
    ask: outAll,
    good: { refresh: 'x' },
    fields: { refresh: {} },
    particular: 'SimpleJWT has no such path',
  }),
  {
    what: 'a pair of tokens is for who knows the password',
    who: 'resident',
    steps: [
      { ask: create, send: { username: '<name>', password: '<password>' }, status: 200, answer: pair() },
      { ask: create, send: { username: '<name>', password: 'wrong' }, ...noAccount },
      { ask: create, send: { username: 'nobody', password: '<password>' }, ...noAccount },
    ],
  },
  {
    what: 'a name is logged in with in any case',
    particular: 'names have no case',
    who: 'resident',
    steps: [logIn('<NAME>', '<password>')],
  },
  {
    what: 'the Authorization header is not looked at below /jwt/',
    who: 'newcomer',
    steps: [
      {
        ask: create,
        bearer: 'nonsense',
        send: { username: '<name>', password: '<password>' },
        status: 200,
        answer: pair(),
      },
      { ...exchange(), bearer: null, headers: { Authorization: 'Bearer' } },
      { ask: verify, bearer: 'nonsense', send: { token: '<access>' }, ...good },
    ],
  },
  {
    what: 'a pair is for an address, where that is what one logs in with',
    settings: { LOGIN_FIELD: 'email' },
    who: 'newcomer',
    steps: [
      logIn('<email>', '<password>', { field: 'email' }),
      logIn('<name>', '<password>', { field: 'email', good: false }),
      {
        ask: create,
        send: { username: '<name>', password: '<password>' },
        ...invalid({ email: 'This field is required.' }),
      },
    ],
  },

  {
    what: 'a refresh token is exchanged for the next pair',
    settings: rotating,
    who: 'newcomer',
    steps: [
      { ...rotate(), keep: { 'next.access': 'access', 'next.refresh': 'refresh' } },
      me(known, '<next.access>'),
      me(known),
      { ask: verify, send: { token: '<refresh>' }, ...BLACKLISTED_HERE },
      { ask: verify, send: { token: '<next.refresh>' }, ...good },
      rotate('<next.refresh>'),
    ],
  },
  {
    what: 'a token that was exchanged is handed its successor again, while nobody has used that',
    settings: rotating,
    particular: 'SimpleJWT refuses the second tab',
    who: 'newcomer',
    steps: [
      { ...rotate(), keep: { next: 'refresh' } },
      {
        ...exchange(),
        answer: { access: aToken('access', 300), refresh: '<next>' },
      },
      { ask: verify, send: { token: '<refresh>' }, ...BLACKLISTED_HERE },
      { ask: verify, send: { token: '<next>' }, ...good },
    ],
  },
  {
    what: 'a token that is used after its successor ends the session, and no other',
    settings: rotating,
    particular: 'SimpleJWT refuses the one token',
    who: 'newcomer',
    steps: [
      again('other.access', 'other.refresh'),
      { ...rotate(), keep: { next: 'refresh' } },
      { ...rotate('<next>'), keep: { last: 'refresh', 'last.access': 'access' } },
      { ...exchange(), ...BLACKLISTED },
      { ...exchange('<last>'), ...BLACKLISTED },
      me(ENDED),
      me(ENDED, '<last.access>'),
      rotate('<other.refresh>'),
    ],
  },
  {
    what: 'what is no refresh token is not exchanged, and ends no session',
    who: 'newcomer',
    steps: [
      { ...exchange('nonsense'), ...INVALID },
      { ...exchange('a.b.c'), ...INVALID },
      { ...exchange('<refresh>x'), ...INVALID },
      { ...exchange('<access>'), ...WRONG_TYPE },
      { ask: out, send: { refresh: '<access>' }, ...WRONG_TYPE },
      { ask: out, send: { refresh: 'nonsense' }, ...INVALID },
      me(badToken('Token has wrong type'), '<refresh>'),
      me(known),
      exchange(),
    ],
  },
  {
    what: 'tokens of a deleted user are worth nothing',
    who: 'newcomer',
    steps: [
      { ask: 'DELETE /users/me/', send: { current_password: '<password>' }, status: 204 },
      {
        ask: verify,
        bearer: null,
        send: { token: '<access>' },
        ...unauthorized('user_not_found', 'User not found'),
        particular: 'SimpleJWT verifies a token of a user that does not exist',
      },
      { ...exchange(), ...BLACKLISTED, particular: 'SimpleJWT fails with a 500' },
      {
        ask: out,
        bearer: null,
        send: { refresh: '<refresh>' },
        ...BLACKLISTED,
        particular: 'SimpleJWT blacklists the token of a user that does not exist',
      },
      logIn('<name>', '<password>', { good: false }),
    ],
  },
  {
    what: 'a token of either type is verified',
    who: 'newcomer',
    steps: [
      { ask: verify, bearer: null, send: { token: '<access>' }, ...good },
      { ask: verify, bearer: null, send: { token: '<refresh>' }, ...good },
      { ask: verify, send: { token: 'nonsense' }, ...INVALID },
      { ask: verify, send: { token: '<access>x' }, ...INVALID },
    ],
  },
  {
    what: 'a log out ends the session and no other',
    particular: 'SimpleJWT’s access tokens live on',
    who: 'newcomer',
    steps: [
      again('other.access', 'other.refresh'),
      { ask: out, bearer: null, send: { refresh: '<refresh>' }, ...good },
      me(ENDED),
      me(known, '<other.access>'),
      { ask: verify, send: { token: '<access>' }, ...BLACKLISTED },
      { ask: verify, send: { token: '<refresh>' }, ...BLACKLISTED_HERE },
    ],
  },
  {
    what: 'a refresh token is worth nothing after its log out',
    who: 'newcomer',
    steps: [
      { ask: out, bearer: null, send: { refresh: '<refresh>' }, ...good },
      { ...exchange(), ...BLACKLISTED },
      { ask: out, bearer: null, send: { refresh: '<refresh>' }, ...BLACKLISTED },
    ],
  },
  {
    what: 'a log out everywhere ends all sessions and keys of its user, and nobody else’s',
    particular: 'SimpleJWT has no such path',
    who: 'newcomer',
    steps: [
      again('other.access', 'other.refresh'),
      {
        ask: 'POST /token/login/',
        bearer: null,
        send: { username: '<name>', password: '<password>' },
        status: 200,
        answer: { auth_token: (value) => (typeof value === 'string' ? null : 'is no key') },
        keep: { key: 'auth_token' },
      },
      { ask: outAll, bearer: null, send: { refresh: '<access>' }, ...WRONG_TYPE },
      { ask: outAll, bearer: null, send: { refresh: '<refresh>' }, ...good },
      me(ENDED),
      me(ENDED, '<other.access>'),
      { ...exchange('<other.refresh>'), ...BLACKLISTED },
      {
        ask: 'GET /users/me/',
        bearer: null,
        headers: { Authorization: 'Token <key>' },
        status: 401,
        answer: { detail: 'Invalid token.', code: 'authentication_failed' },
      },
      {
        ask: 'GET /users/me/',
        bearer: '<resident.access>',
        status: 200,
        answer: user('<resident.id>', '<resident.name>', '<resident.email>'),
      },
      { ask: outAll, bearer: null, send: { refresh: '<refresh>' }, ...BLACKLISTED },
      logIn('<name>', '<password>'),
    ],
  },

  {
    what: 'a refresh token gives access tokens as often as it is sent, and no other refresh token',
    who: 'newcomer',
    steps: [
      { ...exchange(), keep: { 'next.access': 'access' } },
      me(known, '<next.access>'),
      exchange(),
      exchange(),
      me(known),
      me(known, '<next.access>'),
      { ask: verify, send: { token: '<refresh>' }, ...good },
      { ask: out, send: { refresh: '<refresh>' }, ...good },
      { ...exchange(), ...BLACKLISTED },
    ],
  },
  {
    what: 'a refresh token that was exchanged stays good',
    settings: kept,
    who: 'newcomer',
    steps: [
      { ...rotate(), keep: { next: 'refresh' } },
      rotate(),
      rotate('<next>'),
      rotate(),
      { ask: verify, send: { token: '<refresh>' }, ...good },
      { ask: out, send: { refresh: '<refresh>' }, ...good },
    ],
  },
  {
    what: 'tokens live as long as they are said to',
    settings: brief,
    who: 'resident',
    steps: [
      {
        ...logIn('<name>', '<password>'),
        answer: pair(60, 3600),
        keep: { mine: 'refresh' },
      },
      { ...exchange('<mine>'), answer: { access: aToken('access', 60) } },
    ],
  },
];
