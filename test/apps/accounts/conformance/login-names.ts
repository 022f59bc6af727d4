import { anonymous, emptied, invalid, logIn, me, user } from './answers.ts';
import type { Asking, Case, Mailed, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { allows, ours } from './shape.ts';

type Field = 'username' | 'email';

const UNDECLARED =
  'Djoser drops these two fields of its serializer by mistake, and fails with a 500 for what is no string';

const PURPOSE = 'Djoser accepts a link of one purpose for another';
const NO_UID = invalid({ uid: "Invalid user id or user doesn't exist." });
const NO_POST = {
  status: 405,
  answer: { detail: 'Method "POST" not allowed.' },
  answerHeaders: { allow: allows('GET', 'PUT', 'PATCH', 'DELETE') },
};
const SPENT = invalid({ token: 'Invalid token for given user.' });
const TOLD = /Your username has been successfully changed!$/;

/** What one logs in with, changed in both ways; where it is the other name, these paths are not there. */
function namesBy(field: Field): readonly Case[] {
  const other: Field = field === 'email' ? 'username' : 'email';
  const login: Settings = field === 'email' ? { LOGIN_FIELD: 'email' } : {};
  const [name, renamed] = [`new_${field}`, `re_new_${field}`];
  const [set, request, confirm] = [
    `POST /users/set_${field}/`,
    `POST /users/reset_${field}/`,
    `POST /users/reset_${field}_confirm/`,
  ];
  const fresh = field === 'email' ? '<new>@example.com' : '<new>';
  const old = field === 'email' ? '<email>' : '<name>';
  const taken = field === 'email' ? '<resident.email>' : '<resident.name>';
  const taken400 = `A user with that ${field} already exists.`;
  const TAKEN = {
    status: 400,
    // The text of an address is the user model's own.
    answer: { [name]: [field === 'email' ? ours(taken400) : taken400] },
  };
  const STRANGE = invalid({
    [name]:
      field === 'email'
        ? 'Enter a valid email address.'
        : 'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.',
  });
  const after = field === 'email' ? user('<id>', '<name>', fresh) : user('<id>', fresh, '<email>');

  const form = { isEmail: field === 'email', isUsername: field === 'username' };
  const good = { [name]: fresh, current_password: '<password>' };
  const requested: Asking = { ask: request, bearer: null, send: { email: '<email>' }, ...emptied };
  const mailed: Mailed = {
    mailTo: '<email>',
    subject: /^Username reset on /,
    keep: { uid: 'uid', token: 'token' },
  };
  const reset = { uid: '<uid>', token: '<token>', [name]: fresh };
  const follow: Asking = { ask: confirm, bearer: null, send: reset, ...emptied };
  const retyped: Settings = { ...login, SET_USERNAME_RETYPE: true, USERNAME_RESET_CONFIRM_RETYPE: true };
  const MISMATCH = invalid({ non_field_errors: `The two ${field} fields didn't match.` });

  return [
    ...faultsOfFields({
      ask: set,
      settings: login,
      who: 'resident',
      good,
      fields: { [name]: form, current_password: {} },
    }),
    {
      what: `a ${field} is changed by users only`,
      settings: login,
      steps: [{ ask: set, send: { [name]: fresh, current_password: 'x' }, ...anonymous }],
    },
    {
      what: `a ${field} is changed by who knows the password, and no session ends`,
      settings: login,
      who: 'newcomer',
      steps: [
        {
          ask: set,
          send: { ...good, current_password: 'x' },
          ...invalid({ current_password: 'Invalid password.' }),
        },
        { ask: set, send: { ...good, [name]: taken }, ...TAKEN },
        { ask: set, send: { ...good, [name]: 'a b' }, ...STRANGE },
        { ask: set, send: good, ...emptied },
        me({ status: 200, answer: after }),
        logIn(old, '<password>', { field, good: false }),
        logIn(fresh, '<password>', { field }),
      ],
    },
    {
      what: `the ${field} that one has is taken`,
      settings: login,
      who: 'newcomer',
      steps: [{ ask: set, send: { ...good, [name]: old }, ...TAKEN }, me({ status: 200, answer: user() })],
    },
    ...faultsOfFields({
      ask: request,
      settings: login,
      good: { email: 'a@b.co' },
      fields: { email: { isEmail: true } },
    }),
    ...faultsOfFields({
      ask: confirm,
      settings: login,
      good: { ...reset, uid: 'MQ', token: 'x', [name]: 'n@example.com' },
      fields: { uid: { particular: UNDECLARED }, token: { particular: UNDECLARED }, [name]: form },
      particularIfMissing: UNDECLARED,
    }),
    {
      what: `a reset of nobody’s ${field} is refused`,
      settings: login,
      steps: [
        { ...follow, send: { ...reset, uid: 'nonsense', token: 'x' }, ...NO_UID },
        { ask: request, send: { email: 'ann' }, ...invalid({ email: 'Enter a valid email address.' }) },
      ],
    },
    {
      what: `who follows the link chooses a ${field}, once`,
      settings: login,
      needs: ['mail'],
      who: 'newcomer',
      steps: [
        { ...requested, send: { email: 'nobody.<new>@example.com' } },
        requested,
        mailed,
        { ...follow, send: { ...reset, token: '<token>x' }, ...SPENT },
        { ...follow, send: { ...reset, [name]: taken }, ...TAKEN },
        { ...follow, send: { ...reset, [name]: 'a b' }, ...STRANGE },
        follow,
        me({ status: 200, answer: after }),
        logIn(fresh, '<password>', { field }),
        {
          ...follow,
          send: { ...reset, [name]: field === 'email' ? 'b<new>@example.com' : '<new>b' },
          ...SPENT,
        },
        {
          ...follow,
          ...SPENT,
          particular: 'Djoser tells first that the name is taken, to clients without a link too',
        },
        { noMailTo: 'nobody.<new>@example.com', subject: /./ },
      ],
    },
    {
      what: `a link for a ${field} sets no password`,
      settings: login,
      needs: ['mail'],
      who: 'newcomer',
      steps: [
        requested,
        mailed,
        {
          ask: 'POST /users/reset_password_confirm/',
          send: { uid: '<uid>', token: '<token>', new_password: 'a rather different horse staple' },
          ...SPENT,
          particular: PURPOSE,
        },
        { ...follow, particular: PURPOSE },
      ],
    },
    ...faultsOfFields({
      ask: set,
      settings: retyped,
      who: 'resident',
      good: { ...good, [renamed]: fresh },
      fields: { [name]: form, [renamed]: {}, current_password: {} },
    }),
    ...faultsOfFields({
      ask: confirm,
      settings: retyped,
      good: { uid: 'MQ', token: 'x', [name]: 'n@example.com', [renamed]: 'n@example.com' },
      fields: {
        uid: { particular: UNDECLARED },
        token: { particular: UNDECLARED },
        [name]: form,
        [renamed]: {},
      },
      particularIfMissing: UNDECLARED,
    }),
    {
      what: `a ${field} that is typed in two ways is refused`,
      settings: retyped,
      needs: ['mail'],
      who: 'newcomer',
      steps: [
        { ask: set, send: { ...good, [renamed]: 'another' }, ...MISMATCH },
        requested,
        mailed,
        { ...follow, send: { ...reset, [renamed]: 'another' }, ...MISMATCH },
        { ...follow, send: { ...reset, [renamed]: fresh } },
        { ask: set, send: { ...good, [name]: old, [renamed]: old }, ...emptied },
        me({ status: 200, answer: user() }),
      ],
    },
    {
      what: `a changed ${field} is told to the address of before`,
      ...(field === 'email' ? { particular: 'Djoser writes to the new address' } : {}),
      settings: { ...login, USERNAME_CHANGED_EMAIL_CONFIRMATION: true },
      needs: ['mail'],
      who: 'newcomer',
      steps: [
        { ask: set, send: good, ...emptied },
        { mailTo: '<email>', subject: TOLD },
      ],
    },
    {
      what: `the paths of the ${other} are those of a user by id, without POST`,
      settings: login,
      who: 'resident',
      steps: [
        { ask: `POST /users/set_${other}/`, bearer: null, ...anonymous },
        { ask: `POST /users/set_${other}/`, send: good, ...NO_POST },
        { ask: `POST /users/reset_${other}/`, send: { email: '<email>' }, ...NO_POST },
        { ask: `POST /users/reset_${other}_confirm/`, bearer: null, send: reset, ...anonymous },
        { ask: `POST /users/reset_${other}_confirm/`, send: reset, ...NO_POST },
      ].map((step) => ('send' in step ? { ...step, send: {} } : step)),
    },
  ];
}

export const loginNames: readonly Case[] = [...namesBy('username'), ...namesBy('email')];
