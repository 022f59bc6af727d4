import {
  anonymous,
  badToken,
  badTokenSent,
  emptied,
  FRESH,
  invalid,
  logIn,
  me,
  unauthorized,
  user,
} from './answers.ts';
import type { Asking, Case, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { aKey } from './shape.ts';

const ask = 'POST /users/set_password/';
const good = { new_password: FRESH, current_password: '<password>' };
const retyped: Settings = { SET_PASSWORD_RETYPE: true };
const changed = unauthorized('password_changed', "The user's password has been changed.");
const refreshed: Asking = {
  ask: 'POST /jwt/refresh/',
  send: { refresh: '<refresh>' },
  ...badTokenSent('Token is blacklisted'),
};

/** Password and what is said of it. */
const weak: ReadonlyArray<readonly [string, string, readonly string[]]> = [
  ['short', 'q7Z-x', ['This password is too short. It must contain at least 8 characters.']],
  ['common', 'password1', ['This password is too common.']],
  ['numeric', '8203946153', ['This password is entirely numeric.']],
  ['like the name', '<name>', ['The password is too similar to the username.']],
  [
    'short, common and numeric',
    '12345',
    [
      'This password is too short. It must contain at least 8 characters.',
      'This password is too common.',
      'This password is entirely numeric.',
    ],
  ],
];

const keyOf: Asking = {
  ask: 'POST /token/login/',
  bearer: null,
  send: { username: '<name>', password: '<password>' },
  status: 200,
  answer: { auth_token: aKey },
  keep: { key: 'auth_token' },
};
const byKey = { bearer: null, headers: { Authorization: 'Token <key>' } };

export const passwords: readonly Case[] = [
  ...faultsOfFields({ ask, who: 'resident', good, fields: { new_password: {}, current_password: {} } }),
  {
    what: 'a password is set by users only',
    steps: [
      { ask, send: good, bearer: null, ...anonymous },
      { ask, send: good, bearer: 'nonsense', ...badToken('Token is invalid') },
    ].map((step) => ({ ...step, send: { ...good, current_password: 'x' } })),
  },
  {
    what: 'a password is set by who knows the old one',
    who: 'resident',
    steps: [
      {
        ask,
        send: { ...good, current_password: 'wrong' },
        ...invalid({ current_password: 'Invalid password.' }),
      },
      {
        ask,
        send: { ...good, current_password: '<password>x' },
        ...invalid({ current_password: 'Invalid password.' }),
      },
      me({ status: 200, answer: user() }),
    ],
  },
  ...weak.map(
    ([what, password, messages]): Case => ({
      what: `a new password that is ${what} is refused on the field`,
      who: 'resident',
      steps: [
        { ask, send: { ...good, new_password: password }, status: 400, answer: { new_password: messages } },
      ],
    }),
  ),
  {
    what: 'a changed password ends every session at once, and opens the next one',
    who: 'newcomer',
    particular: 'tokens of SimpleJWT live on',
    steps: [
      { ...logIn('<name>', '<password>'), keep: { 'other.access': 'access', 'other.refresh': 'refresh' } },
      { ask, send: good, ...emptied },
      me(changed),
      me(changed, '<other.access>'),
      refreshed,
      { ...refreshed, send: { refresh: '<other.refresh>' } },
      { ask: 'POST /jwt/verify/', send: { token: '<access>' }, ...changed },
      logIn('<name>', '<password>', { good: false }),
      { ...logIn('<name>', FRESH), keep: { access: 'access' } },
      me({ status: 200, answer: user() }, '<access>'),
    ],
  },
  {
    what: 'a changed password ends the keys',
    who: 'newcomer',
    steps: [
      keyOf,
      { ...me({ status: 200, answer: user() }), ...byKey },
      { ask, send: good, ...emptied },
      { ...me(unauthorized('authentication_failed', 'Invalid token.')), ...byKey },
    ],
  },
  {
    what: 'keys outlive the password, and sessions do not',
    settings: { LOGOUT_ON_PASSWORD_CHANGE: false },
    who: 'newcomer',
    particular: 'tokens of SimpleJWT live on',
    steps: [
      keyOf,
      { ask, send: good, ...emptied },
      { ...me({ status: 200, answer: user() }), ...byKey },
      me(changed),
      refreshed,
    ],
  },
  {
    what: 'a password is set with a key',
    who: 'newcomer',
    steps: [
      keyOf,
      { ask, send: good, ...byKey, ...emptied },
      logIn('<name>', '<password>', { good: false }),
      logIn('<name>', FRESH),
    ],
  },
  ...faultsOfFields({
    ask,
    who: 'resident',
    settings: retyped,
    good: { ...good, re_new_password: FRESH },
    fields: { new_password: {}, re_new_password: {}, current_password: {} },
  }),
  {
    what: 'a new password that is typed in two ways is refused',
    settings: retyped,
    who: 'newcomer',
    steps: [
      {
        ask,
        send: { ...good, re_new_password: 'another' },
        ...invalid({ non_field_errors: "The two password fields didn't match." }),
      },
      { ask, send: { ...good, re_new_password: FRESH }, ...emptied },
      logIn('<name>', FRESH),
    ],
  },
  {
    what: 'a changed password is told by mail',
    settings: { PASSWORD_CHANGED_EMAIL_CONFIRMATION: true },
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      { ask, send: good, ...emptied },
      { mailTo: '<email>', subject: /Your password has been successfully changed!$/ },
    ],
  },
];
