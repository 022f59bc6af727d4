import type { Case, RequestStep, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import {
  anonymous,
  badToken,
  badTokenSent,
  FRESH,
  invalid,
  logIn,
  me,
  noContent,
  unauthorized,
  user,
} from './responses.ts';
import { aKey } from './shape.ts';

const endpoint = 'POST /users/set_password/';
const good = { new_password: FRESH, current_password: '<password>' };
const retyped: Settings = { SET_PASSWORD_RETYPE: true };
const changed = unauthorized('password_changed', "The user's password has been changed.");
const refreshed: RequestStep = {
  endpoint: 'POST /jwt/refresh/',
  send: { refresh: '<refresh>' },
  ...badTokenSent('Token is blacklisted'),
};

/** Weak passwords and their errors. */
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

const keyOf: RequestStep = {
  endpoint: 'POST /token/login/',
  bearer: null,
  send: { username: '<name>', password: '<password>' },
  status: 200,
  responseBody: { auth_token: aKey },
  keep: { key: 'auth_token' },
};
const byKey = { bearer: null, headers: { Authorization: 'Token <key>' } };

export const passwords: readonly Case[] = [
  ...faultsOfFields({
    endpoint,
    caller: 'resident',
    good,
    fields: { new_password: {}, current_password: {} },
  }),
  {
    title: 'a change of the password requires a login',
    steps: [
      { endpoint, send: good, bearer: null, ...anonymous },
      { endpoint, send: good, bearer: 'nonsense', ...badToken('Token is invalid') },
    ].map((step) => ({ ...step, send: { ...good, current_password: 'x' } })),
  },
  {
    title: 'a change of the password requires the current one',
    caller: 'resident',
    steps: [
      {
        endpoint,
        send: { ...good, current_password: 'wrong' },
        ...invalid({ current_password: 'Invalid password.' }),
      },
      {
        endpoint,
        send: { ...good, current_password: '<password>x' },
        ...invalid({ current_password: 'Invalid password.' }),
      },
      me({ status: 200, responseBody: user() }),
    ],
  },
  ...weak.map(
    ([what, password, messages]): Case => ({
      title: `a new password that is ${what} is rejected on the field`,
      caller: 'resident',
      steps: [
        {
          endpoint,
          send: { ...good, new_password: password },
          status: 400,
          responseBody: { new_password: messages },
        },
      ],
    }),
  ),
  {
    title: 'a changed password ends every session immediately, and logs in from then on',
    caller: 'newcomer',
    difference: 'tokens of SimpleJWT live on',
    steps: [
      { ...logIn('<name>', '<password>'), keep: { 'other.access': 'access', 'other.refresh': 'refresh' } },
      { endpoint, send: good, ...noContent },
      me(changed),
      me(changed, '<other.access>'),
      refreshed,
      { ...refreshed, send: { refresh: '<other.refresh>' } },
      { endpoint: 'POST /jwt/verify/', send: { token: '<access>' }, ...changed },
      logIn('<name>', '<password>', { good: false }),
      { ...logIn('<name>', FRESH), keep: { access: 'access' } },
      me({ status: 200, responseBody: user() }, '<access>'),
    ],
  },
  {
    title: 'a changed password ends the keys, too',
    caller: 'newcomer',
    steps: [
      keyOf,
      { ...me({ status: 200, responseBody: user() }), ...byKey },
      { endpoint, send: good, ...noContent },
      { ...me(unauthorized('authentication_failed', 'Invalid token.')), ...byKey },
    ],
  },
  {
    title: 'keys stay valid after a change of the password if the settings say so, and sessions end',
    settings: { LOGOUT_ON_PASSWORD_CHANGE: false },
    caller: 'newcomer',
    difference: 'tokens of SimpleJWT live on',
    steps: [
      keyOf,
      { endpoint, send: good, ...noContent },
      { ...me({ status: 200, responseBody: user() }), ...byKey },
      me(changed),
      refreshed,
    ],
  },
  {
    title: 'a key can authenticate a change of the password',
    caller: 'newcomer',
    steps: [
      keyOf,
      { endpoint, send: good, ...byKey, ...noContent },
      logIn('<name>', '<password>', { good: false }),
      logIn('<name>', FRESH),
    ],
  },
  ...faultsOfFields({
    endpoint,
    caller: 'resident',
    settings: retyped,
    good: { ...good, re_new_password: FRESH },
    fields: { new_password: {}, re_new_password: {}, current_password: {} },
  }),
  {
    title: 'rejects two different new passwords',
    settings: retyped,
    caller: 'newcomer',
    steps: [
      {
        endpoint,
        send: { ...good, re_new_password: 'another' },
        ...invalid({ non_field_errors: "The two password fields didn't match." }),
      },
      { endpoint, send: { ...good, re_new_password: FRESH }, ...noContent },
      logIn('<name>', FRESH),
    ],
  },
  {
    title: 'sends a mail about a changed password',
    settings: { PASSWORD_CHANGED_EMAIL_CONFIRMATION: true },
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      { endpoint, send: good, ...noContent },
      { mailTo: '<email>', subject: /Your password has been successfully changed!$/ },
    ],
  },
];
