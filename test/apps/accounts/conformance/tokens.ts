import { anonymous, emptied, invalid, me, unauthorized, user } from './answers.ts';
import type { Asking, Case } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { aKey } from './shape.ts';

const ask = 'POST /token/login/';
const out = 'POST /token/logout/';
const good = { username: '<name>', password: '<password>' };
const REFUSED = invalid({ non_field_errors: 'Unable to log in with provided credentials.' });
/** Why a missing field differs. */
const NAMED = 'Djoser says of a missing field that the log in failed';
const NO_KEY = unauthorized('authentication_failed', 'Invalid token.');

const keyed = (name = 'key'): Asking => ({
  ask,
  bearer: null,
  send: good,
  status: 200,
  answer: { auth_token: aKey },
  keep: { [name]: 'auth_token' },
});
const by = (key: string) => ({ bearer: null, headers: { Authorization: `Token ${key}` } });
const known = { status: 200, answer: user() };

export const tokens: readonly Case[] = [
  ...faultsOfFields({
    ask,
    good: { username: 'a', password: 'b' },
    fields: { username: { particularIfMissing: NAMED }, password: { particularIfMissing: NAMED } },
    particularIfMissing: NAMED,
  }),
  {
    what: 'a key is for who knows the password',
    who: 'resident',
    steps: [
      { ask, bearer: null, send: { ...good, password: 'wrong' }, ...REFUSED },
      { ask, bearer: null, send: { ...good, username: 'nobody' }, ...REFUSED },
    ],
  },
  {
    what: 'a key opens what an access token opens, until its log out',
    who: 'newcomer',
    steps: [
      keyed(),
      { ...me(known), ...by('<key>') },
      { ...me(known), bearer: null, headers: { Authorization: 'token <key>' } },
      { ask: out, ...by('<key>'), ...emptied },
      { ...me(NO_KEY), ...by('<key>') },
      { ask: out, ...by('<key>'), ...NO_KEY },
      me(known),
    ],
  },
  {
    what: 'each log in gives another key, and each ends alone',
    particular: 'Djoser keeps one key a user, as it is',
    who: 'newcomer',
    steps: [
      keyed('first'),
      keyed('second'),
      { ask: out, ...by('<first>'), ...emptied },
      { ...me(NO_KEY), ...by('<first>') },
      { ...me(known), ...by('<second>') },
    ],
  },
  {
    what: 'a key is named Token, and is no access token',
    who: 'newcomer',
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
          answer: {
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
    what: 'who is not logged in does not log out',
    steps: [
      { ask: out, ...anonymous },
      { ask: out, ...by('nonsense'), ...NO_KEY },
    ],
  },
  {
    what: 'a log out with an access token ends its session',
    particular: 'Djoser’s ends the key, and leaves the session',
    who: 'newcomer',
    steps: [
      { ask: out, ...emptied },
      me({
        status: 401,
        answer: {
          detail: 'Given token not valid for any token type',
          code: 'token_not_valid',
          messages: [{ token_class: 'AccessToken', token_type: 'access', message: 'Token is blacklisted' }],
        },
      }),
    ],
  },
  ...faultsOfFields({
    ask,
    settings: { LOGIN_FIELD: 'email' },
    good: { email: 'a@example.com', password: 'b' },
    fields: { email: { particularIfMissing: NAMED }, password: { particularIfMissing: NAMED } },
    particularIfMissing: NAMED,
  }),
  {
    what: 'a key is for an address, where that is what one logs in with',
    settings: { LOGIN_FIELD: 'email' },
    who: 'newcomer',
    steps: [
      {
        ask,
        bearer: null,
        send: { email: '<email>', password: '<password>' },
        status: 200,
        answer: { auth_token: aKey },
      },
      { ask, bearer: null, send: { email: '<name>', password: '<password>' }, ...REFUSED },
    ],
  },
];
