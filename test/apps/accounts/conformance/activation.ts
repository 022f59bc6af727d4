import { emptied, forbidden, invalid, logIn, me, noAccount, unauthorized, user } from './answers.ts';
import type { Asking, Case, Mailed, Settings, Step } from './case.ts';
import { faultsOfFields } from './faults.ts';

const awaiting: Settings = { SEND_ACTIVATION_EMAIL: true };
const welcoming: Settings = { SEND_CONFIRMATION_EMAIL: true };
const both: Settings = { ...awaiting, ...welcoming };
const ask = 'POST /users/activation/';
const again = 'POST /users/resend_activation/';

const ACTIVATION = /^Account activation on /;
const READY = /Your account has been successfully created and activated!$/;

const mailed = (to = '<email>'): Mailed => ({
  mailTo: to,
  subject: ACTIVATION,
  keep: { uid: 'uid', token: 'token' },
});
const follow: Asking = { ask, bearer: null, send: { uid: '<uid>', token: '<token>' }, ...emptied };
const PURPOSE = 'Djoser accepts a link of one purpose for another';
const NO_UID = invalid({ uid: "Invalid user id or user doesn't exist." });
const NO_TOKEN = invalid({ token: 'Invalid token for given user.' });
const STALE = forbidden('Stale token for given user.');

export const activation: readonly Case[] = [
  ...faultsOfFields({ ask, good: { uid: 'MQ', token: 'x' }, fields: { uid: {}, token: {} } }),
  {
    what: 'an activation of nobody is refused',
    steps: [
      { ask, send: { uid: 'nonsense', token: 'x' }, ...NO_UID },
      { ask, send: { uid: '!', token: 'x' }, ...NO_UID },
      { ask, send: { uid: 'OTk5OTk5OTk', token: 'x' }, ...NO_UID },
    ],
  },
  ...faultsOfFields({
    ask: again,
    settings: awaiting,
    good: { email: 'a@example.com' },
    fields: { email: { isEmail: true } },
  }),
  {
    what: 'where nobody has to activate, no mail for it is sent',
    steps: [{ ask: again, send: { email: '<resident.email>' }, status: 400 }],
  },
  {
    what: 'a newcomer logs in only when the link in the mail was followed, and follows it once',
    settings: awaiting,
    needs: ['mail'],
    who: 'inactive',
    steps: [
      logIn('<name>', '<password>', { good: false }),
      {
        ask: 'POST /token/login/',
        send: { username: '<name>', password: '<password>' },
        ...invalid({ non_field_errors: 'Unable to log in with provided credentials.' }),
      },
      mailed(),
      { ask, send: { uid: '<uid>', token: '<token>x' }, ...NO_TOKEN },
      { ask, send: { uid: '<uid>', token: 'nonsense' }, ...NO_TOKEN },
      { ask, send: { uid: 'x<uid>', token: '<token>' }, status: 400, answer: NO_UID.answer ?? null },
      logIn('<name>', '<password>', { good: false }),
      follow,
      logIn('<name>', '<password>'),
      { ...follow, ...STALE },
    ],
  },
  {
    what: 'an activation stays stale when its user has logged in',
    particular: 'in Django a log in changes what the token was made from',
    settings: { ...awaiting, UPDATE_LAST_LOGIN: true },
    needs: ['mail'],
    who: 'inactive',
    steps: [mailed(), follow, logIn('<name>', '<password>'), { ...follow, ...STALE }],
  },
  {
    what: 'the link of one newcomer does not activate another',
    settings: awaiting,
    needs: ['mail'],
    who: 'inactive',
    steps: [
      mailed(),
      {
        ask: 'POST /users/',
        send: { username: '<new>', email: '<new>@example.com', password: '<password>' },
        status: 201,
        answer: user(
          (value) => (typeof value === 'number' ? null : 'is no id'),
          '<new>',
          '<new>@example.com',
        ),
      },
      { mailTo: '<new>@example.com', subject: ACTIVATION, keep: { uid: 'their.uid', token: 'their.token' } },
      { ask, send: { uid: '<their.uid>', token: '<token>' }, ...NO_TOKEN },
      { ask, send: { uid: '<uid>', token: '<their.token>' }, ...NO_TOKEN },
      follow,
      { ask, send: { uid: '<their.uid>', token: '<their.token>' }, ...emptied },
    ],
  },
  {
    what: 'another activation mail is sent to who awaits it and to nobody else, and all are answered alike',
    settings: awaiting,
    needs: ['mail'],
    who: 'inactive',
    steps: [
      mailed(),
      { ask: again, send: { email: 'nobody.<new>@example.com' }, ...emptied },
      { ask: again, send: { email: '<email>' }, ...emptied },
      mailed(),
      follow,
      { ask: again, send: { email: '<email>' }, ...emptied },
      // A later mail to somebody else, so that the one that must not come had its time.
      {
        ask: 'POST /users/reset_password/',
        send: { email: '<email>' },
        ...emptied,
      },
      { mailTo: '<email>', subject: /^Password reset on / },
      { ask: 'POST /users/reset_password/', send: { email: '<email>' }, ...emptied },
      { mailTo: '<email>', subject: /^Password reset on / },
      { noMailTo: 'nobody.<new>@example.com', subject: /./ },
    ],
  },
  {
    what: 'an activation link resets no password, and a reset link activates nobody',
    settings: awaiting,
    needs: ['mail'],
    who: 'inactive',
    steps: [
      mailed(),
      {
        ask: 'POST /users/reset_password_confirm/',
        send: { uid: '<uid>', token: '<token>', new_password: 'a rather different horse staple' },
        ...NO_TOKEN,
        particular: PURPOSE,
      },
      {
        ask: 'POST /users/reset_username_confirm/',
        send: { uid: '<uid>', token: '<token>', new_username: '<new>' },
        ...NO_TOKEN,
        particular: PURPOSE,
      },
      { ...follow, particular: PURPOSE },
    ],
  },
  {
    what: 'who may activate by mail needs an address',
    settings: awaiting,
    particular: 'Djoser sends a mail to nobody',
    steps: [
      {
        ask: 'POST /users/',
        send: { username: '<new>', password: 'correct horse battery staple' },
        ...invalid({ email: 'This field is required.' }),
      },
      {
        ask: 'POST /users/',
        send: { username: '<new>', email: '', password: 'correct horse battery staple' },
        ...invalid({ email: 'This field may not be blank.' }),
      },
    ],
  },
  {
    what: 'a new address has to be proven like the first',
    settings: awaiting,
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      { ask: 'PATCH /users/me/', send: { email: '<email>' }, status: 200, answer: user() },
      me({ status: 200, answer: user() }),
      {
        ask: 'PATCH /users/me/',
        send: { email: '<new>@example.com' },
        status: 200,
        answer: user('<id>', '<name>', '<new>@example.com'),
      },
      me(unauthorized('user_inactive', 'User is inactive')),
      { ask: 'POST /jwt/create/', send: { username: '<name>', password: '<password>' }, ...noAccount },
      mailed('<new>@example.com'),
      follow,
      logIn('<name>', '<password>'),
    ],
  },
  {
    what: 'who became inactive exchanges and verifies nothing, and gets no mail for a new password',
    settings: awaiting,
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      {
        ask: 'PATCH /users/me/',
        send: { email: '<new>@example.com' },
        status: 200,
        answer: user('<id>', '<name>', '<new>@example.com'),
      },
      {
        ask: 'POST /jwt/refresh/',
        bearer: null,
        send: { refresh: '<refresh>' },
        ...unauthorized('no_active_account', 'No active account found for the given token.'),
      },
      {
        ask: 'POST /jwt/verify/',
        bearer: null,
        send: { token: '<access>' },
        ...unauthorized('user_inactive', 'User is inactive'),
        particular: 'SimpleJWT looks at no user',
      },
      { ask: 'POST /users/reset_password/', bearer: null, send: { email: '<new>@example.com' }, ...emptied },
      ...[1, 2].flatMap((): readonly Step[] => [
        {
          ask: 'POST /users/reset_password/',
          bearer: null,
          send: { email: '<resident.email>' },
          ...emptied,
        },
        { mailTo: '<resident.email>', subject: /^Password reset on / },
      ]),
      { noMailTo: '<new>@example.com', subject: /^Password reset on / },
      mailed('<new>@example.com'),
      follow,
      { ask: 'POST /jwt/verify/', bearer: null, send: { token: '<access>' }, status: 200, answer: {} },
    ],
  },
  {
    what: 'a link that was made for the address of before activates nobody',
    settings: awaiting,
    needs: ['mail', 'staff'],
    who: 'inactive',
    steps: [
      mailed(),
      {
        ask: 'PATCH /users/<id>/',
        bearer: '<staff.access>',
        send: { email: '<new>@example.com' },
        status: 200,
        answer: user('<id>', '<name>', '<new>@example.com'),
      },
      { ...follow, ...NO_TOKEN },
      mailed('<new>@example.com'),
      follow,
      logIn('<name>', '<password>'),
    ],
  },
  {
    what: 'another address to log in with has to be proven like the first',
    settings: { ...awaiting, LOGIN_FIELD: 'email' },
    particular: 'Djoser asks that of PATCH only',
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      {
        ask: 'POST /users/set_email/',
        send: { new_email: '<new>@example.com', current_password: '<password>' },
        ...emptied,
      },
      me(unauthorized('user_inactive', 'User is inactive')),
      mailed('<new>@example.com'),
      follow,
      logIn('<new>@example.com', '<password>', { field: 'email' }),
    ],
  },
  {
    what: 'a newcomer is welcomed by mail',
    settings: welcoming,
    needs: ['mail'],
    who: 'newcomer',
    steps: [
      { mailTo: '<email>', subject: READY },
      { noMailTo: '<email>', subject: ACTIVATION },
    ],
  },
  {
    what: 'who has to activate is welcomed afterwards, and not before',
    settings: both,
    needs: ['mail'],
    who: 'inactive',
    steps: [mailed(), { noMailTo: '<email>', subject: READY }, follow, { mailTo: '<email>', subject: READY }],
  },
];
