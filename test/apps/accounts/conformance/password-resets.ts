import type { Case, Mailed, RequestStep, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { FRESH, invalid, logIn, me, noContent, unauthorized } from './responses.ts';

const request = 'POST /users/reset_password/';
const endpoint = 'POST /users/reset_password_confirm/';
const retyped: Settings = { PASSWORD_RESET_CONFIRM_RETYPE: true };
const SUBJECT = /^Password reset on /;

const requested: RequestStep = { endpoint: request, bearer: null, send: { email: '<email>' }, ...noContent };
const mailed: Mailed = { mailTo: '<email>', subject: SUBJECT, keep: { uid: 'uid', token: 'token' } };
const good = { uid: '<uid>', token: '<token>', new_password: FRESH };
const follow: RequestStep = { endpoint, bearer: null, send: good, ...noContent };
const NO_UID = invalid({ uid: "Invalid user id or user doesn't exist." });
const SPENT = invalid({ token: 'Invalid token for given user.' });

export const passwordResets: readonly Case[] = [
  ...faultsOfFields({
    endpoint: request,
    good: { email: 'a@example.com' },
    fields: { email: { isEmail: true } },
  }),
  {
    title: 'rejects a reset for an invalid address on the field',
    steps: [
      { endpoint: request, send: { email: 'ann' }, ...invalid({ email: 'Enter a valid email address.' }) },
    ],
  },
  {
    title:
      'returns the same response to a reset for known and unknown addresses, and sends mail only to a known one',
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      { ...requested, send: { email: 'nobody.<new>@example.com' } },
      requested,
      mailed,
      // A second reset: an unwanted mail would have arrived before its mail.
      requested,
      mailed,
      { noMailTo: 'nobody.<new>@example.com', subject: /./ },
    ],
  },
  ...faultsOfFields({
    endpoint,
    good: { uid: 'MQ', token: 'x', new_password: FRESH },
    fields: { uid: {}, token: {}, new_password: {} },
  }),
  {
    title: 'rejects a reset link for an unknown user',
    steps: [
      { endpoint, send: { ...good, uid: 'nonsense', token: 'x' }, ...NO_UID },
      { endpoint, send: { ...good, uid: 'OTk5OTk5OTk', token: 'x' }, ...NO_UID },
    ],
  },
  {
    title: 'a reset link sets a password once, and ends every session',
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      requested,
      mailed,
      { ...follow, send: { ...good, token: '<token>x' }, ...SPENT },
      {
        ...follow,
        send: { ...good, new_password: '12345678' },
        status: 400,
        responseBody: {
          new_password: ['This password is too common.', 'This password is entirely numeric.'],
        },
      },
      follow,
      logIn('<name>', '<password>', { good: false }),
      logIn('<name>', FRESH),
      { ...follow, ...SPENT },
    ],
  },
  {
    title: 'a reset ends every session of the user',
    difference: 'tokens of SimpleJWT live on',
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      requested,
      mailed,
      follow,
      me(unauthorized('password_changed', "The user's password has been changed.")),
    ],
  },
  {
    title: 'using one reset link invalidates the other',
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      requested,
      mailed,
      requested,
      { ...mailed, keep: { uid: 'next.uid', token: 'next.token' } },
      follow,
      { ...follow, send: { ...good, uid: '<next.uid>', token: '<next.token>' }, ...SPENT },
    ],
  },
  {
    title: 'a change of the password invalidates a reset link',
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      requested,
      mailed,
      {
        endpoint: 'POST /users/set_password/',
        send: { current_password: '<password>', new_password: FRESH },
        ...noContent,
      },
      { ...follow, ...SPENT },
    ],
  },
  {
    title: 'a change of the address invalidates a reset link',
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      requested,
      mailed,
      {
        endpoint: 'PATCH /users/me/',
        send: { email: '' },
        status: 200,
        responseBody: { id: '<id>', username: '<name>', email: '' },
      },
      { ...follow, ...SPENT },
    ],
  },
  {
    title: 'a reset link stays valid after a login if logins are not recorded',
    needs: ['mail'],
    caller: 'newcomer',
    steps: [requested, mailed, logIn('<name>', '<password>'), follow],
  },
  {
    title: 'a recorded login invalidates a reset link',
    settings: { UPDATE_LAST_LOGIN: true },
    needs: ['mail'],
    caller: 'newcomer',
    steps: [requested, mailed, logIn('<name>', '<password>'), { ...follow, ...SPENT }],
  },
  {
    title: 'a reset link does not reset another user’s password',
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      requested,
      mailed,
      { ...requested, send: { email: '<resident.email>' } },
      { mailTo: '<resident.email>', subject: SUBJECT, keep: { uid: 'their.uid', token: 'their.token' } },
      { ...follow, send: { ...good, uid: '<their.uid>' }, ...SPENT },
      { ...follow, send: { ...good, token: '<their.token>' }, ...SPENT },
    ],
  },
  ...faultsOfFields({
    endpoint,
    settings: retyped,
    good: { uid: 'MQ', token: 'x', new_password: FRESH, re_new_password: FRESH },
    fields: { uid: {}, token: {}, new_password: {}, re_new_password: {} },
  }),
  {
    title: 'two different passwords do not invalidate the reset link',
    settings: retyped,
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      requested,
      mailed,
      {
        ...follow,
        send: { ...good, re_new_password: 'another' },
        ...invalid({ non_field_errors: "The two password fields didn't match." }),
      },
      { ...follow, send: { ...good, re_new_password: FRESH } },
      logIn('<name>', FRESH),
    ],
  },
  {
    title: 'sends a mail about a reset password',
    settings: { PASSWORD_CHANGED_EMAIL_CONFIRMATION: true },
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      requested,
      mailed,
      follow,
      { mailTo: '<email>', subject: /Your password has been successfully changed!$/ },
    ],
  },
];
