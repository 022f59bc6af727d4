import type { Case, RequestStep, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import {
  badToken,
  badTokenSent,
  invalid,
  logIn,
  me,
  noActiveAccount,
  pair,
  unauthorized,
  user,
} from './responses.ts';
import { aToken } from './shape.ts';

const create = 'POST /jwt/create/';
const refresh = 'POST /jwt/refresh/';
const verify = 'POST /jwt/verify/';
const out = 'POST /jwt/logout/';
const outAll = 'POST /jwt/logout_all/';

const INVALID = badTokenSent('Token is invalid');
const BLACKLISTED = badTokenSent('Token is blacklisted');
/** Reason why the verification of a refresh token differs. */
const BLACKLISTED_HERE = invalid({ non_field_errors: 'Token is blacklisted' });
const WRONG_TYPE = badTokenSent('Token has wrong type');
const ENDED = badToken('Token is blacklisted');
const known = { status: 200, responseBody: user() };
const good = { status: 200, responseBody: {} };

const exchange = (token = '<refresh>'): RequestStep => ({
  endpoint: refresh,
  bearer: null,
  send: { refresh: token },
  status: 200,
  responseBody: { access: aToken('access', 300) },
});
const rotate = (token = '<refresh>'): RequestStep => ({ ...exchange(token), responseBody: pair() });
const again = (access: string, token: string): RequestStep => ({
  ...logIn('<name>', '<password>'),
  keep: { [access]: 'access', [token]: 'refresh' },
});
const rotating: Settings = { ROTATE_REFRESH_TOKENS: true };
const kept: Settings = { ...rotating, BLACKLIST_AFTER_ROTATION: false };
const brief: Settings = { ACCESS_TOKEN_LIFETIME: 60, REFRESH_TOKEN_LIFETIME: 3600 };

export const jwtCases: readonly Case[] = [
  ...faultsOfFields({
    endpoint: create,
    good: { username: 'a', password: 'b' },
    fields: { username: {}, password: {} },
  }),
  ...faultsOfFields({ endpoint: refresh, good: { refresh: 'x' }, fields: { refresh: {} } }),
  ...faultsOfFields({ endpoint: verify, good: { token: 'x' }, fields: { token: {} } }),
  ...faultsOfFields({ endpoint: out, good: { refresh: 'x' }, fields: { refresh: {} } }),
  ...faultsOfFields({
    endpoint: outAll,
    good: { refresh: 'x' },
    fields: { refresh: {} },
    difference: 'SimpleJWT has no such path',
  }),
  {
    title: 'returns a pair of tokens for the right password only',
    caller: 'resident',
    steps: [
      {
        endpoint: create,
        send: { username: '<name>', password: '<password>' },
        status: 200,
        responseBody: pair(),
      },
      { endpoint: create, send: { username: '<name>', password: 'wrong' }, ...noActiveAccount },
      { endpoint: create, send: { username: 'nobody', password: '<password>' }, ...noActiveAccount },
    ],
  },
  {
    title: 'accepts a login name in any case',
    difference: 'names have no case',
    caller: 'resident',
    steps: [logIn('<NAME>', '<password>')],
  },
  {
    title: 'ignores the Authorization header below /jwt/',
    caller: 'newcomer',
    steps: [
      {
        endpoint: create,
        bearer: 'nonsense',
        send: { username: '<name>', password: '<password>' },
        status: 200,
        responseBody: pair(),
      },
      { ...exchange(), bearer: null, headers: { Authorization: 'Bearer' } },
      { endpoint: verify, bearer: 'nonsense', send: { token: '<access>' }, ...good },
    ],
  },
  {
    title: 'returns a pair of tokens for an address if that is the login name',
    settings: { LOGIN_FIELD: 'email' },
    caller: 'newcomer',
    steps: [
      logIn('<email>', '<password>', { field: 'email' }),
      logIn('<name>', '<password>', { field: 'email', good: false }),
      {
        endpoint: create,
        send: { username: '<name>', password: '<password>' },
        ...invalid({ email: 'This field is required.' }),
      },
    ],
  },

  {
    title: 'exchanges a refresh token for the next pair',
    settings: rotating,
    caller: 'newcomer',
    steps: [
      { ...rotate(), keep: { 'next.access': 'access', 'next.refresh': 'refresh' } },
      me(known, '<next.access>'),
      me(known),
      { endpoint: verify, send: { token: '<refresh>' }, ...BLACKLISTED_HERE },
      { endpoint: verify, send: { token: '<next.refresh>' }, ...good },
      rotate('<next.refresh>'),
    ],
  },
  {
    title: 'returns the same successor again for an exchanged token, until the successor is used',
    settings: rotating,
    difference: 'SimpleJWT refuses the second tab',
    caller: 'newcomer',
    steps: [
      { ...rotate(), keep: { next: 'refresh' } },
      {
        ...exchange(),
        responseBody: { access: aToken('access', 300), refresh: '<next>' },
      },
      { endpoint: verify, send: { token: '<refresh>' }, ...BLACKLISTED_HERE },
      { endpoint: verify, send: { token: '<next>' }, ...good },
    ],
  },
  {
    title: 'reuse of a token after its successor ends the session, and no other',
    settings: rotating,
    difference: 'SimpleJWT refuses the one token',
    caller: 'newcomer',
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
    title: 'rejects other tokens in place of a refresh token, and ends no session',
    caller: 'newcomer',
    steps: [
      { ...exchange('nonsense'), ...INVALID },
      { ...exchange('a.b.c'), ...INVALID },
      { ...exchange('<refresh>x'), ...INVALID },
      { ...exchange('<access>'), ...WRONG_TYPE },
      { endpoint: out, send: { refresh: '<access>' }, ...WRONG_TYPE },
      { endpoint: out, send: { refresh: 'nonsense' }, ...INVALID },
      me(badToken('Token has wrong type'), '<refresh>'),
      me(known),
      exchange(),
    ],
  },
  {
    title: 'rejects tokens of a deleted user',
    caller: 'newcomer',
    steps: [
      { endpoint: 'DELETE /users/me/', send: { current_password: '<password>' }, status: 204 },
      {
        endpoint: verify,
        bearer: null,
        send: { token: '<access>' },
        ...unauthorized('user_not_found', 'User not found'),
        difference: 'SimpleJWT verifies a token of a user that does not exist',
      },
      { ...exchange(), ...BLACKLISTED, difference: 'SimpleJWT fails with a 500' },
      {
        endpoint: out,
        bearer: null,
        send: { refresh: '<refresh>' },
        ...BLACKLISTED,
        difference: 'SimpleJWT blacklists the token of a user that does not exist',
      },
      logIn('<name>', '<password>', { good: false }),
    ],
  },
  {
    title: 'verifies tokens of both types',
    caller: 'newcomer',
    steps: [
      { endpoint: verify, bearer: null, send: { token: '<access>' }, ...good },
      { endpoint: verify, bearer: null, send: { token: '<refresh>' }, ...good },
      { endpoint: verify, send: { token: 'nonsense' }, ...INVALID },
      { endpoint: verify, send: { token: '<access>x' }, ...INVALID },
    ],
  },
  {
    title: 'a logout ends the session, and no other',
    difference: 'SimpleJWT’s access tokens live on',
    caller: 'newcomer',
    steps: [
      again('other.access', 'other.refresh'),
      { endpoint: out, bearer: null, send: { refresh: '<refresh>' }, ...good },
      me(ENDED),
      me(known, '<other.access>'),
      { endpoint: verify, send: { token: '<access>' }, ...BLACKLISTED },
      { endpoint: verify, send: { token: '<refresh>' }, ...BLACKLISTED_HERE },
    ],
  },
  {
    title: 'rejects a refresh token after its logout',
    caller: 'newcomer',
    steps: [
      { endpoint: out, bearer: null, send: { refresh: '<refresh>' }, ...good },
      { ...exchange(), ...BLACKLISTED },
      { endpoint: out, bearer: null, send: { refresh: '<refresh>' }, ...BLACKLISTED },
    ],
  },
  {
    title: 'a logout of all sessions ends the sessions and keys of its user only',
    difference: 'SimpleJWT has no such path',
    caller: 'newcomer',
    steps: [
      again('other.access', 'other.refresh'),
      {
        endpoint: 'POST /token/login/',
        bearer: null,
        send: { username: '<name>', password: '<password>' },
        status: 200,
        responseBody: { auth_token: (value) => (typeof value === 'string' ? null : 'is no key') },
        keep: { key: 'auth_token' },
      },
      { endpoint: outAll, bearer: null, send: { refresh: '<access>' }, ...WRONG_TYPE },
      { endpoint: outAll, bearer: null, send: { refresh: '<refresh>' }, ...good },
      me(ENDED),
      me(ENDED, '<other.access>'),
      { ...exchange('<other.refresh>'), ...BLACKLISTED },
      {
        endpoint: 'GET /users/me/',
        bearer: null,
        headers: { Authorization: 'Token <key>' },
        status: 401,
        responseBody: { detail: 'Invalid token.', code: 'authentication_failed' },
      },
      {
        endpoint: 'GET /users/me/',
        bearer: '<resident.access>',
        status: 200,
        responseBody: user('<resident.id>', '<resident.name>', '<resident.email>'),
      },
      { endpoint: outAll, bearer: null, send: { refresh: '<refresh>' }, ...BLACKLISTED },
      logIn('<name>', '<password>'),
    ],
  },

  {
    title: 'without rotation, a refresh token returns access tokens repeatedly, and no new refresh token',
    caller: 'newcomer',
    steps: [
      { ...exchange(), keep: { 'next.access': 'access' } },
      me(known, '<next.access>'),
      exchange(),
      exchange(),
      me(known),
      me(known, '<next.access>'),
      { endpoint: verify, send: { token: '<refresh>' }, ...good },
      { endpoint: out, send: { refresh: '<refresh>' }, ...good },
      { ...exchange(), ...BLACKLISTED },
    ],
  },
  {
    title: 'an exchanged refresh token stays valid if it is not blacklisted',
    settings: kept,
    caller: 'newcomer',
    steps: [
      { ...rotate(), keep: { next: 'refresh' } },
      rotate(),
      rotate('<next>'),
      rotate(),
      { endpoint: verify, send: { token: '<refresh>' }, ...good },
      { endpoint: out, send: { refresh: '<refresh>' }, ...good },
    ],
  },
  {
    title: 'tokens have the configured lifetimes',
    settings: brief,
    caller: 'resident',
    steps: [
      {
        ...logIn('<name>', '<password>'),
        responseBody: pair(60, 3600),
        keep: { mine: 'refresh' },
      },
      { ...exchange('<mine>'), responseBody: { access: aToken('access', 60) } },
    ],
  },
];
