import { emptied, FRESH, invalid, logIn, me, unauthorized } from './answers.ts';
import type { Asking, Case, Mailed, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';

const request = 'POST /users/reset_password/';
const ask = 'POST /users/reset_password_confirm/';
const retyped: Settings = { PASSWORD_RESET_CONFIRM_RETYPE: true };
const SUBJECT = /^Password reset on /;

const requested: Asking = { ask: request, bearer: null, send: { email: '<email>' }, ...emptied };
const mailed: Mailed = { mailTo: '<email>', subject: SUBJECT, keep: { uid: 'uid', token: 'token' } };
const good = { uid: '<uid>', token: '<token>', new_password: FRESH };
const follow: Asking = { ask, bearer: null, send: good, ...emptied };
const NO_UID = invalid({ uid: "Invalid user id or user doesn't exist." });
const SPENT = invalid({ token: 'Invalid token for given user.' });

export const passwordResets: readonly Case[] = [
  ...faultsOfFields({ ask: request, good: { email: 'a@example.com' }, fields: { email: { isEmail: true } } }),
  {
    what: 'a reset for what is no address is refused on the field',
    steps: [{ ask: request, send: { email: 'ann' }, ...invalid({ email: 'Enter a valid email address.' }) }],
  },
  {
    what: 'a reset is answered alike for who is there and who is not, and written to the one only',
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      { ...requested, send: { email: 'nobody.<new>@example.com' } },
      requested,
      mailed,
      // A second one, so that a mail to nobody had its time.
      requested,
      mailed,
      { noMailTo: 'nobody.<new>@example.com', subject: /./ },
    ],
  },
  ...faultsOfFields({
    ask,
    good: { uid: 'MQ', token: 'x', new_password: FRESH },
    fields: { uid: {}, token: {}, new_password: {} },
  }),
  {
    what: 'a reset of nobody’s password is refused',
    steps: [
      { ask, send: { ...good, uid: 'nonsense', token: 'x' }, ...NO_UID },
      { ask, send: { ...good, uid: 'OTk5OTk5OTk', token: 'x' }, ...NO_UID },
    ],
  },
  {
    what: 'who follows the link chooses a password, once, and every session ends',
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      requested,
      mailed,
      { ...follow, send: { ...good, token: '<token>x' }, ...SPENT },
      {
        ...follow,
        send: { ...good, new_password: '12345678' },
        status: 400,
        answer: { new_password: ['This password is too common.', 'This password is entirely numeric.'] },
      },
      follow,
      logIn('<name>', '<password>', { good: false }),
      logIn('<name>', FRESH),
      { ...follow, ...SPENT },
    ],
  },
  {
    what: 'a reset ends every session',
    particular: 'tokens of SimpleJWT live on',
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      requested,
      mailed,
      follow,
      me(unauthorized('password_changed', "The user's password has been changed.")),
    ],
  },
  {
    what: 'of two links, the second is spent with the first',
    needs: ['mail'],
    who: 'newcomer',
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
    what: 'a link is spent by a password that was changed otherwise',
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      requested,
      mailed,
      {
        ask: 'POST /users/set_password/',
        send: { current_password: '<password>', new_password: FRESH },
        ...emptied,
      },
      { ...follow, ...SPENT },
    ],
  },
  {
    what: 'a link is spent by another address',
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      requested,
      mailed,
      {
        ask: 'PATCH /users/me/',
        send: { email: '' },
        status: 200,
        answer: { id: '<id>', username: '<name>', email: '' },
      },
      { ...follow, ...SPENT },
    ],
  },
  {
    what: 'a link outlives a log in that is not written down',
    needs: ['mail'],
    who: 'newcomer',
    steps: [requested, mailed, logIn('<name>', '<password>'), follow],
  },
  {
    what: 'a link is spent by a log in',
    settings: { UPDATE_LAST_LOGIN: true },
    needs: ['mail'],
    who: 'newcomer',
    steps: [requested, mailed, logIn('<name>', '<password>'), { ...follow, ...SPENT }],
  },
  {
    what: 'a link of one user resets nobody else’s password',
    needs: ['mail'],
    who: 'newcomer',
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
    ask,
    settings: retyped,
    good: { uid: 'MQ', token: 'x', new_password: FRESH, re_new_password: FRESH },
    fields: { uid: {}, token: {}, new_password: {}, re_new_password: {} },
  }),
  {
    what: 'a password that is typed in two ways does not spend the link',
    settings: retyped,
    needs: ['mail'],
    who: 'newcomer',
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
    what: 'a password that was reset is told by mail',
    settings: { PASSWORD_CHANGED_EMAIL_CONFIRMATION: true },
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      requested,
      mailed,
      follow,
      { mailTo: '<email>', subject: /Your password has been successfully changed!$/ },
    ],
  },
];
