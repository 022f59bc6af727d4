import type { Case, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { BLANK, badToken, forbidden, invalid, logIn, user } from './responses.ts';
import { anId, aText, matching } from './shape.ts';

const endpoint = 'POST /users/';
const good = { username: '<new>', email: '<new>@example.com', password: 'correct horse battery staple' };
const made = { status: 201, responseBody: user(anId, '<new>', '<new>@example.com') };
const byEmail: Settings = { LOGIN_FIELD: 'email' };
const retyped: Settings = { USER_CREATE_PASSWORD_RETYPE: true };
const closed: Settings = { ALLOW_REGISTRATION: false };

const TAKEN = { username: 'A user with that username already exists.' };
const INVALID_NAME = {
  username: 'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.',
};
const TWO_SCRIPTS = { username: 'Enter a valid username. Its letters belong to more than one script.' };
const NO_ADDRESS = { email: 'Enter a valid email address.' };

/** Replaced fields, their errors, and the reason why Django differs. */
const refused: ReadonlyArray<
  readonly [string, Record<string, unknown>, Readonly<Record<string, string | readonly string[]>>, string?]
> = [
  ['a name that is taken', { username: '<resident.name>' }, TAKEN],
  ['a name that is taken in other letters', { username: '<resident.NAME>' }, TAKEN, 'names have no case'],
  [
    'an address that is taken',
    { email: '<resident.email>' },
    { email: 'A user with that email already exists.' },
    'addresses are unique',
  ],
  ['an address of no form', { email: 'ann' }, NO_ADDRESS],
  ['an address with a blank in it', { email: 'a b@example.com' }, NO_ADDRESS],
  [
    'an address of 255 characters',
    { email: `a@${'x'.repeat(60)}.${'y'.repeat(188)}.com` },
    { email: ['Ensure this field has no more than 254 characters.', 'Enter a valid email address.'] },
  ],
  ['a blank in the name', { username: 'a b' }, INVALID_NAME],
  ['a slash in the name', { username: 'a/b' }, INVALID_NAME],
  ['an invisible character in the name', { username: 'ann\u200b' }, INVALID_NAME],
  [
    'a name of 151 characters',
    { username: 'x'.repeat(151) },
    { username: 'Ensure this field has no more than 150 characters.' },
  ],
  ['letters of two scripts', { username: 'аnn<new>' }, TWO_SCRIPTS, 'Django takes look-alikes'],
  [
    'a short password',
    { password: 'q7Z-x' },
    { password: 'This password is too short. It must contain at least 8 characters.' },
  ],
  ['a common password', { password: 'password1' }, { password: 'This password is too common.' }],
  ['a password of digits', { password: '8203946153' }, { password: 'This password is entirely numeric.' }],
  [
    'the name as password',
    { password: '<new>' },
    { password: 'The password is too similar to the username.' },
  ],
  [
    'a password of 5,000 characters',
    { password: 'x'.repeat(5_000) },
    { password: 'Ensure this field has no more than 4096 characters.' },
    'a longer one would only cost time',
  ],
];

export const registration: readonly Case[] = [
  ...faultsOfFields({
    endpoint,
    good,
    fields: {
      username: { isUsername: true },
      email: { optional: true, blank: true, isEmail: true },
      password: {},
    },
  }),
  ...refused.map(
    ([what, changes, faults, difference]): Case => ({
      title: `${endpoint} with ${what} is rejected on the field`,
      ...(difference === undefined ? {} : { difference }),
      steps: [{ endpoint, send: { ...good, ...changes }, ...invalid(faults) }],
    }),
  ),
  {
    title: 'reports two errors of a password together',
    steps: [
      {
        endpoint,
        send: { ...good, password: '12345678' },
        status: 400,
        responseBody: { password: ['This password is too common.', 'This password is entirely numeric.'] },
      },
    ],
  },
  {
    title: 'any client can register and log in with the sent values',
    steps: [
      { endpoint, send: good, ...made },
      logIn('<new>', good.password),
      { endpoint, send: { ...good, email: '' }, ...invalid(TAKEN) },
    ],
  },
  {
    title: 'the address is optional',
    steps: [
      { endpoint, send: { ...good, email: '' }, status: 201, responseBody: user(anId, '<new>', '') },
      {
        endpoint,
        send: { username: '<new>b', password: good.password },
        status: 201,
        responseBody: user(anId, '<new>b', ''),
      },
    ],
  },
  {
    title: 'a new user cannot set staff, superuser or id',
    steps: [
      {
        endpoint,
        send: { ...good, id: 1, is_staff: true, is_superuser: true, is_active: false, tenant_id: 1 },
        ...made,
        keep: { id: 'id' },
      },
      { ...logIn('<new>', good.password), keep: { access: 'access' } },
      {
        endpoint: 'GET /users/',
        bearer: '<access>',
        status: 200,
        responseBody: [user('<id>', '<new>', '<new>@example.com')],
      },
    ],
  },
  {
    title: 'removes white space around names, and lowercases the host of an address',
    steps: [
      {
        endpoint,
        send: { ...good, username: '  <new> ', email: 'Ann.<new>@EXAMPLE.Com' },
        status: 201,
        responseBody: user(anId, '<new>', 'Ann.<new>@example.com'),
      },
    ],
  },
  {
    title: 'a name in full-width letters equals the name in ASCII letters',
    steps: [
      { endpoint, send: good, ...made },
      {
        endpoint,
        send: { username: 'Ｎ<new>', password: good.password },
        status: 201,
        responseBody: user(anId, 'N<new>', ''),
      },
    ],
  },
  {
    title: 'removes white space around a password, at registration and at every later use',
    steps: [
      { endpoint, send: { ...good, password: `  ${good.password} ` }, ...made },
      logIn('<new>', good.password),
      logIn('<new>', ` ${good.password}\t`),
      {
        endpoint,
        send: { ...good, username: '<new>b', email: '', password: '   ' },
        ...invalid({ password: BLANK }),
      },
    ],
  },
  {
    title: 'reports that a password is both short and common',
    steps: [
      {
        endpoint,
        send: { ...good, password: '123' },
        status: 400,
        responseBody: {
          password: [
            'This password is too short. It must contain at least 8 characters.',
            'This password is too common.',
            'This password is entirely numeric.',
          ],
        },
      },
    ],
  },
  {
    title: 'rejects a registration with an invalid token',
    steps: [{ endpoint, send: good, bearer: 'nonsense', ...badToken('Token is invalid') }],
  },
  {
    title: 'ignores a repeated field that the settings do not require',
    steps: [{ endpoint, send: { ...good, re_password: 'another' }, ...made }],
  },

  ...faultsOfFields({
    endpoint,
    settings: retyped,
    good: { ...good, re_password: good.password },
    fields: { username: { isUsername: true }, password: {}, re_password: {} },
  }),
  {
    title: 'rejects two different passwords at registration',
    settings: retyped,
    steps: [
      {
        endpoint,
        send: { ...good, re_password: 'another' },
        ...invalid({ non_field_errors: "The two password fields didn't match." }),
      },
      { endpoint, send: { ...good, re_password: good.password }, ...made },
    ],
  },

  ...faultsOfFields({
    endpoint,
    settings: byEmail,
    good,
    fields: { email: { isEmail: true }, password: {} },
    differenceIfMissing: 'Django asks for both names',
  }),
  {
    title: 'requires no username if the address is the login name',
    settings: byEmail,
    difference: 'Django asks for both',
    steps: [
      {
        endpoint,
        send: { email: good.email, password: good.password },
        status: 201,
        responseBody: user(anId, matching(/^user_[0-9a-f]{12}$/), good.email),
      },
      logIn(good.email, good.password, { field: 'email' }),
    ],
  },

  {
    title: 'rejects every registration if registration is closed, also by users',
    settings: closed,
    needs: ['staff', 'superuser'],
    difference: 'Djoser has no such setting',
    caller: 'resident',
    steps: [
      { endpoint, bearer: null, send: good, ...forbidden(aText) },
      { endpoint, send: good, ...forbidden(aText) },
      { endpoint, bearer: '<staff.access>', send: good, ...made },
      {
        endpoint,
        bearer: '<superuser.access>',
        send: { ...good, username: '<new>b', email: '' },
        status: 201,
        responseBody: user(anId, '<new>b', ''),
      },
    ],
  },
];
