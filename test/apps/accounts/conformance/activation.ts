import type { Case, Mailed, RequestStep, Settings, Step } from './case.ts';
import { faultsOfFields } from './faults.ts';
import {
  forbidden,
  invalid,
  logIn,
  me,
  noActiveAccount,
  noContent,
  unauthorized,
  user,
} from './responses.ts';

const awaiting: Settings = { SEND_ACTIVATION_EMAIL: true };
const welcoming: Settings = { SEND_CONFIRMATION_EMAIL: true };
const both: Settings = { ...awaiting, ...welcoming };
const endpoint = 'POST /users/activation/';
const again = 'POST /users/resend_activation/';

const ACTIVATION = /^Account activation on /;
const READY = /Your account has been successfully created and activated!$/;

const mailed = (to = '<email>'): Mailed => ({
  mailTo: to,
  subject: ACTIVATION,
  keep: { uid: 'uid', token: 'token' },
});
const follow: RequestStep = {
  endpoint,
  bearer: null,
  send: { uid: '<uid>', token: '<token>' },
  ...noContent,
};
const PURPOSE = 'Djoser accepts a link of one purpose for another';
const NO_UID = invalid({ uid: "Invalid user id or user doesn't exist." });
const NO_TOKEN = invalid({ token: 'Invalid token for given user.' });
const STALE = forbidden('Stale token for given user.');

export const activation: readonly Case[] = [
  ...faultsOfFields({ endpoint, good: { uid: 'MQ', token: 'x' }, fields: { uid: {}, token: {} } }),
  {
    title: 'rejects an activation link for an unknown user',
    steps: [
      { endpoint, send: { uid: 'nonsense', token: 'x' }, ...NO_UID },
      { endpoint, send: { uid: '!', token: 'x' }, ...NO_UID },
      { endpoint, send: { uid: 'OTk5OTk5OTk', token: 'x' }, ...NO_UID },
    ],
  },
  ...faultsOfFields({
    endpoint: again,
    settings: awaiting,
    good: { email: 'a@example.com' },
    fields: { email: { isEmail: true } },
  }),
  {
    title: 'sends no activation mail if users need not activate',
    steps: [{ endpoint: again, send: { email: '<resident.email>' }, status: 400 }],
  },
  {
    title: 'a new user can log in only after following the activation link, which works once',
    settings: awaiting,
    needs: ['mail'],
    caller: 'inactive',
    steps: [
      logIn('<name>', '<password>', { good: false }),
      {
        endpoint: 'POST /token/login/',
        send: { username: '<name>', password: '<password>' },
        ...invalid({ non_field_errors: 'Unable to log in with provided credentials.' }),
      },
      mailed(),
      { endpoint, send: { uid: '<uid>', token: '<token>x' }, ...NO_TOKEN },
      { endpoint, send: { uid: '<uid>', token: 'nonsense' }, ...NO_TOKEN },
      {
        endpoint,
        send: { uid: 'x<uid>', token: '<token>' },
        status: 400,
        responseBody: NO_UID.responseBody ?? null,
      },
      logIn('<name>', '<password>', { good: false }),
      follow,
      logIn('<name>', '<password>'),
      { ...follow, ...STALE },
    ],
  },
  {
    title: 'a used activation link is still rejected as stale after a login',
    difference: 'in Django a login changes a value that the token is derived from',
    settings: { ...awaiting, UPDATE_LAST_LOGIN: true },
    needs: ['mail'],
    caller: 'inactive',
    steps: [mailed(), follow, logIn('<name>', '<password>'), { ...follow, ...STALE }],
  },
  {
    title: 'an activation link does not activate another user',
    settings: awaiting,
    needs: ['mail'],
    caller: 'inactive',
    steps: [
      mailed(),
      {
        endpoint: 'POST /users/',
        send: { username: '<new>', email: '<new>@example.com', password: '<password>' },
        status: 201,
        responseBody: user(
          (value) => (typeof value === 'number' ? null : 'is no id'),
          '<new>',
          '<new>@example.com',
        ),
      },
      { mailTo: '<new>@example.com', subject: ACTIVATION, keep: { uid: 'their.uid', token: 'their.token' } },
      { endpoint, send: { uid: '<their.uid>', token: '<token>' }, ...NO_TOKEN },
      { endpoint, send: { uid: '<uid>', token: '<their.token>' }, ...NO_TOKEN },
      follow,
      { endpoint, send: { uid: '<their.uid>', token: '<their.token>' }, ...noContent },
    ],
  },
  {
    title:
      'sends another activation mail only to users who need it, with the same response for every address',
    settings: awaiting,
    needs: ['mail'],
    caller: 'inactive',
    steps: [
      mailed(),
      { endpoint: again, send: { email: 'nobody.<new>@example.com' }, ...noContent },
      { endpoint: again, send: { email: '<email>' }, ...noContent },
      mailed(),
      follow,
      { endpoint: again, send: { email: '<email>' }, ...noContent },
      // A later mail to another user: the unwanted mail would have arrived before it.
      {
        endpoint: 'POST /users/reset_password/',
        send: { email: '<email>' },
        ...noContent,
      },
      { mailTo: '<email>', subject: /^Password reset on / },
      { endpoint: 'POST /users/reset_password/', send: { email: '<email>' }, ...noContent },
      { mailTo: '<email>', subject: /^Password reset on / },
      { noMailTo: 'nobody.<new>@example.com', subject: /./ },
    ],
  },
  {
    title: 'an activation link does not reset a password, and a reset link does not activate a user',
    settings: awaiting,
    needs: ['mail'],
    caller: 'inactive',
    steps: [
      mailed(),
      {
        endpoint: 'POST /users/reset_password_confirm/',
        send: { uid: '<uid>', token: '<token>', new_password: 'a rather different horse staple' },
        ...NO_TOKEN,
        difference: PURPOSE,
      },
      {
        endpoint: 'POST /users/reset_username_confirm/',
        send: { uid: '<uid>', token: '<token>', new_username: '<new>' },
        ...NO_TOKEN,
        difference: PURPOSE,
      },
      { ...follow, difference: PURPOSE },
    ],
  },
  {
    title: 'registration requires an address if users activate by mail',
    settings: awaiting,
    difference: 'Djoser sends a mail without a recipient',
    steps: [
      {
        endpoint: 'POST /users/',
        send: { username: '<new>', password: 'correct horse battery staple' },
        ...invalid({ email: 'This field is required.' }),
      },
      {
        endpoint: 'POST /users/',
        send: { username: '<new>', email: '', password: 'correct horse battery staple' },
        ...invalid({ email: 'This field may not be blank.' }),
      },
    ],
  },
  {
    title: 'a new address must be activated like the first one',
    settings: awaiting,
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      { endpoint: 'PATCH /users/me/', send: { email: '<email>' }, status: 200, responseBody: user() },
      me({ status: 200, responseBody: user() }),
      {
        endpoint: 'PATCH /users/me/',
        send: { email: '<new>@example.com' },
        status: 200,
        responseBody: user('<id>', '<name>', '<new>@example.com'),
      },
      me(unauthorized('user_inactive', 'User is inactive')),
      {
        endpoint: 'POST /jwt/create/',
        send: { username: '<name>', password: '<password>' },
        ...noActiveAccount,
      },
      mailed('<new>@example.com'),
      follow,
      logIn('<name>', '<password>'),
    ],
  },
  {
    title: 'an inactive user cannot refresh or verify tokens, and gets no reset mail',
    settings: awaiting,
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      {
        endpoint: 'PATCH /users/me/',
        send: { email: '<new>@example.com' },
        status: 200,
        responseBody: user('<id>', '<name>', '<new>@example.com'),
      },
      {
        endpoint: 'POST /jwt/refresh/',
        bearer: null,
        send: { refresh: '<refresh>' },
        ...unauthorized('no_active_account', 'No active account found for the given token.'),
      },
      {
        endpoint: 'POST /jwt/verify/',
        bearer: null,
        send: { token: '<access>' },
        ...unauthorized('user_inactive', 'User is inactive'),
        difference: 'SimpleJWT does not check the user',
      },
      {
        endpoint: 'POST /users/reset_password/',
        bearer: null,
        send: { email: '<new>@example.com' },
        ...noContent,
      },
      ...[1, 2].flatMap((): readonly Step[] => [
        {
          endpoint: 'POST /users/reset_password/',
          bearer: null,
          send: { email: '<resident.email>' },
          ...noContent,
        },
        { mailTo: '<resident.email>', subject: /^Password reset on / },
      ]),
      { noMailTo: '<new>@example.com', subject: /^Password reset on / },
      mailed('<new>@example.com'),
      follow,
      {
        endpoint: 'POST /jwt/verify/',
        bearer: null,
        send: { token: '<access>' },
        status: 200,
        responseBody: {},
      },
    ],
  },
  {
    title: 'a link to the previous address activates no user',
    settings: awaiting,
    needs: ['mail', 'staff'],
    caller: 'inactive',
    steps: [
      mailed(),
      {
        endpoint: 'PATCH /users/<id>/',
        bearer: '<staff.access>',
        send: { email: '<new>@example.com' },
        status: 200,
        responseBody: user('<id>', '<name>', '<new>@example.com'),
      },
      { ...follow, ...NO_TOKEN },
      mailed('<new>@example.com'),
      follow,
      logIn('<name>', '<password>'),
    ],
  },
  {
    title: 'a new address that is the login name must be activated like the first one',
    settings: { ...awaiting, LOGIN_FIELD: 'email' },
    difference: 'Djoser asks that of PATCH only',
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      {
        endpoint: 'POST /users/set_email/',
        send: { new_email: '<new>@example.com', current_password: '<password>' },
        ...noContent,
      },
      me(unauthorized('user_inactive', 'User is inactive')),
      mailed('<new>@example.com'),
      follow,
      logIn('<new>@example.com', '<password>', { field: 'email' }),
    ],
  },
  {
    title: 'sends a welcome mail to a new user',
    settings: welcoming,
    needs: ['mail'],
    caller: 'newcomer',
    steps: [
      { mailTo: '<email>', subject: READY },
      { noMailTo: '<email>', subject: ACTIVATION },
    ],
  },
  {
    title: 'sends the welcome mail after the activation, not before',
    settings: both,
    needs: ['mail'],
    caller: 'inactive',
    steps: [mailed(), { noMailTo: '<email>', subject: READY }, follow, { mailTo: '<email>', subject: READY }],
  },
];
