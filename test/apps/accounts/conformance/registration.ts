import { BLANK, badToken, forbidden, invalid, logIn, user } from './answers.ts';
import type { Case, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { anId, aText, matching } from './shape.ts';

const ask = 'POST /users/';
const good = { username: '<new>', email: '<new>@example.com', password: 'correct horse battery staple' };
const made = { status: 201, answer: user(anId, '<new>', '<new>@example.com') };
const byEmail: Settings = { LOGIN_FIELD: 'email' };
const retyped: Settings = { USER_CREATE_PASSWORD_RETYPE: true };
const closed: Settings = { ALLOW_REGISTRATION: false };

const TAKEN = { username: 'A user with that username already exists.' };
const STRANGE = {
  username: 'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.',
};
const TWO_SCRIPTS = { username: 'Enter a valid username. Its letters belong to more than one script.' };
const NO_ADDRESS = { email: 'Enter a valid email address.' };

/** What is sent in place of a good field, and what is said of it; last, why Django says otherwise. */
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
  ['a blank in the name', { username: 'a b' }, STRANGE],
  ['a slash in the name', { username: 'a/b' }, STRANGE],
  ['an invisible character in the name', { username: 'ann\u200b' }, STRANGE],
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
    'a longer one is work for nobody',
  ],
];

export const registration: readonly Case[] = [
  ...faultsOfFields({
    ask,
    good,
    fields: {
      username: { isUsername: true },
      email: { optional: true, blank: true, isEmail: true },
      password: {},
    },
  }),
  ...refused.map(
    ([what, changes, faults, particular]): Case => ({
      what: `${ask} with ${what} is refused on the field`,
      ...(particular === undefined ? {} : { particular }),
      steps: [{ ask, send: { ...good, ...changes }, ...invalid(faults) }],
    }),
  ),
  {
    what: 'two faults of a password are told together',
    steps: [
      {
        ask,
        send: { ...good, password: '12345678' },
        status: 400,
        answer: { password: ['This password is too common.', 'This password is entirely numeric.'] },
      },
    ],
  },
  {
    what: 'anybody may register, and logs in with what was sent',
    steps: [
      { ask, send: good, ...made },
      logIn('<new>', good.password),
      { ask, send: { ...good, email: '' }, ...invalid(TAKEN) },
    ],
  },
  {
    what: 'a user needs no address',
    steps: [
      { ask, send: { ...good, email: '' }, status: 201, answer: user(anId, '<new>', '') },
      {
        ask,
        send: { username: '<new>b', password: good.password },
        status: 201,
        answer: user(anId, '<new>b', ''),
      },
    ],
  },
  {
    what: 'nobody makes themselves staff, a superuser, or somebody else',
    steps: [
      {
        ask,
        send: { ...good, id: 1, is_staff: true, is_superuser: true, is_active: false, tenant_id: 1 },
        ...made,
        keep: { id: 'id' },
      },
      { ...logIn('<new>', good.password), keep: { access: 'access' } },
      {
        ask: 'GET /users/',
        bearer: '<access>',
        status: 200,
        answer: [user('<id>', '<new>', '<new>@example.com')],
      },
    ],
  },
  {
    what: 'white space around a name is cut off, and the host of an address is in small letters',
    steps: [
      {
        ask,
        send: { ...good, username: '  <new> ', email: 'Ann.<new>@EXAMPLE.Com' },
        status: 201,
        answer: user(anId, '<new>', 'Ann.<new>@example.com'),
      },
    ],
  },
  {
    what: 'a name in full-width letters is the name in plain ones',
    steps: [
      { ask, send: good, ...made },
      {
        ask,
        send: { username: 'Ｎ<new>', password: good.password },
        status: 201,
        answer: user(anId, 'N<new>', ''),
      },
    ],
  },
  {
    what: 'white space around a password is cut off, at registration and at every later use',
    steps: [
      { ask, send: { ...good, password: `  ${good.password} ` }, ...made },
      logIn('<new>', good.password),
      logIn('<new>', ` ${good.password}\t`),
      {
        ask,
        send: { ...good, username: '<new>b', email: '', password: '   ' },
        ...invalid({ password: BLANK }),
      },
    ],
  },
  {
    what: 'a password that is short and common is told both',
    steps: [
      {
        ask,
        send: { ...good, password: '123' },
        status: 400,
        answer: {
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
    what: 'who registers with a bad token is refused',
    steps: [{ ask, send: good, bearer: 'nonsense', ...badToken('Token is invalid') }],
  },
  {
    what: 'a field to be given twice elsewhere is not looked at',
    steps: [{ ask, send: { ...good, re_password: 'another' }, ...made }],
  },

  ...faultsOfFields({
    ask,
    settings: retyped,
    good: { ...good, re_password: good.password },
    fields: { username: { isUsername: true }, password: {}, re_password: {} },
  }),
  {
    what: 'a password that is typed in two ways is refused',
    settings: retyped,
    steps: [
      {
        ask,
        send: { ...good, re_password: 'another' },
        ...invalid({ non_field_errors: "The two password fields didn't match." }),
      },
      { ask, send: { ...good, re_password: good.password }, ...made },
    ],
  },

  ...faultsOfFields({
    ask,
    settings: byEmail,
    good,
    fields: { email: { isEmail: true }, password: {} },
    particularIfMissing: 'Django asks for both names',
  }),
  {
    what: 'who logs in with an address need not choose a name',
    settings: byEmail,
    particular: 'Django asks for both',
    steps: [
      {
        ask,
        send: { email: good.email, password: good.password },
        status: 201,
        answer: user(anId, matching(/^user_[0-9a-f]{12}$/), good.email),
      },
      logIn(good.email, good.password, { field: 'email' }),
    ],
  },

  {
    what: 'where registration is closed, nobody registers, nor does a user for somebody else',
    settings: closed,
    needs: ['staff', 'superuser'],
    particular: 'Djoser has no such setting',
    who: 'resident',
    steps: [
      { ask, bearer: null, send: good, ...forbidden(aText) },
      { ask, send: good, ...forbidden(aText) },
      { ask, bearer: '<staff.access>', send: good, ...made },
      {
        ask,
        bearer: '<superuser.access>',
        send: { ...good, username: '<new>b', email: '' },
        status: 201,
        answer: user(anId, '<new>b', ''),
      },
    ],
  },
];
