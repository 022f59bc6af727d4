import type { Case, RequestStep } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { anonymous, invalid, me, noContent, unauthorized, user } from './responses.ts';
import { aKey } from './shape.ts';

const endpoint = 'POST /token/login/';
const out = 'POST /token/logout/';
const good = { username: '<name>', password: '<password>' };
const REFUSED = invalid({ non_field_errors: 'Unable to log in with provided credentials.' });
/** Reason why Django differs if a field is missing. */
const NAMED = 'Djoser says of a missing field that the log in failed';
const NO_KEY = unauthorized('authentication_failed', 'Invalid token.');

const keyed = (name = 'key'): RequestStep => ({
  endpoint,
  bearer: null,
  send: good,
  status: 200,
  responseBody: { auth_token: aKey },
  keep: { [name]: 'auth_token' },
});
const by = (key: string) => ({ bearer: null, headers: { Authorization: `Token ${key}` } });
const known = { status: 200, responseBody: user() };

export const tokens: readonly Case[] = [
  ...faultsOfFields({
    endpoint,
    good: { username: 'a', password: 'b' },
    fields: { username: { differenceIfMissing: NAMED }, password: { differenceIfMissing: NAMED } },
    differenceIfMissing: NAMED,
  }),
  {
    title: 'returns a key for the right password only',
    caller: 'resident',
    steps: [
      { endpoint, bearer: null, send: { ...good, password: 'wrong' }, ...REFUSED },
      { endpoint, bearer: null, send: { ...good, username: 'nobody' }, ...REFUSED },
    ],
  },
  {
    title: 'a key authenticates like an access token, until its logout',
    caller: 'newcomer',
    steps: [
      keyed(),
      { ...me(known), ...by('<key>') },
      { ...me(known), bearer: null, headers: { Authorization: 'token <key>' } },
      { endpoint: out, ...by('<key>'), ...noContent },
      { ...me(NO_KEY), ...by('<key>') },
      { endpoint: out, ...by('<key>'), ...NO_KEY },
      me(known),
    ],
  },
  {
    title: 'each login returns another key, which ends separately',
    difference: 'Djoser keeps one key a user, as it is',
    caller: 'newcomer',
    steps: [
      keyed('first'),
      keyed('second'),
      { endpoint: out, ...by('<first>'), ...noContent },
      { ...me(NO_KEY), ...by('<first>') },
      { ...me(known), ...by('<second>') },
    ],
  },
  {
    title: 'a key has the scheme Token, and is no access token',
    caller: 'newcomer',
    steps: [
      keyed(),
      {
        ...me(unauthorized('authentication_failed', 'Invalid token header. No credentials provided.')),
        ...by(''),
      },
      {
        ...me(
          unauthorized(
            'authentication_failed',
            'Invalid token header. Token string should not contain spaces.',
          ),
        ),
        ...by('<key> x'),
      },
      { ...me(NO_KEY), ...by('0000000000000000000000000000000000000000') },
      { ...me(NO_KEY), ...by('<access>') },
      {
        ...me({
          status: 401,
          responseBody: {
            detail: 'Given token not valid for any token type',
            code: 'token_not_valid',
            messages: [{ token_class: 'AccessToken', token_type: 'access', message: 'Token is invalid' }],
          },
        }),
        bearer: '<key>',
      },
    ],
  },
  {
    title: 'a logout requires a login',
    steps: [
      { endpoint: out, ...anonymous },
      { endpoint: out, ...by('nonsense'), ...NO_KEY },
    ],
  },
  {
    title: 'a logout with an access token ends its session',
    difference: 'Djoser’s ends the key, and leaves the session',
    caller: 'newcomer',
    steps: [
      { endpoint: out, ...noContent },
      me({
        status: 401,
        responseBody: {
          detail: 'Given token not valid for any token type',
          code: 'token_not_valid',
          messages: [{ token_class: 'AccessToken', token_type: 'access', message: 'Token is blacklisted' }],
        },
      }),
    ],
  },
  ...faultsOfFields({
    endpoint,
    settings: { LOGIN_FIELD: 'email' },
    good: { email: 'a@example.com', password: 'b' },
    fields: { email: { differenceIfMissing: NAMED }, password: { differenceIfMissing: NAMED } },
    differenceIfMissing: NAMED,
  }),
  {
    title: 'returns a key for an address if that is the login name',
    settings: { LOGIN_FIELD: 'email' },
    caller: 'newcomer',
    steps: [
      {
        endpoint,
        bearer: null,
        send: { email: '<email>', password: '<password>' },
        status: 200,
        responseBody: { auth_token: aKey },
      },
      { endpoint, bearer: null, send: { email: '<name>', password: '<password>' }, ...REFUSED },
    ],
  },
];
