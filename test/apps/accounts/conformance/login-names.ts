import { anonymous, emptied, invalid, logIn, me, missing, user } from './answers.ts';
import type { Asking, Case, Mailed, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';

type Field = 'username' | 'email';

const NO_UID = invalid({ uid: "Invalid user id or user doesn't exist." });
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
  const TAKEN = invalid({ [name]: `A user with that ${field} already exists.` });
  const STRANGE = invalid({
    [name]:
      field === 'email'
        ? 'Enter a valid email address.'
        : 'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.',
  });
  const after = field === 'email' ? user('<id>', '<name>', fresh) : user('<id>', fresh, '<email>');

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
      fields: { [name]: { isEmail: name === 'new_email' }, current_password: {} },
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
      what: `the ${field} that one has is not taken`,
      settings: login,
      who: 'newcomer',
      steps: [{ ask: set, send: { ...good, [name]: old }, ...emptied }, me({ status: 200, answer: user() })],
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
      fields: { uid: {}, token: {}, [name]: { isEmail: name === 'new_email' } },
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
        { ...follow, ...SPENT },
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
        },
        follow,
      ],
    },
    ...faultsOfFields({
      ask: set,
      settings: retyped,
      who: 'resident',
      good: { ...good, [renamed]: fresh },
      fields: { [name]: { isEmail: name === 'new_email' }, [renamed]: {}, current_password: {} },
    }),
    ...faultsOfFields({
      ask: confirm,
      settings: retyped,
      good: { uid: 'MQ', token: 'x', [name]: 'n@example.com', [renamed]: 'n@example.com' },
      fields: { uid: {}, token: {}, [name]: { isEmail: name === 'new_email' }, [renamed]: {} },
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
      settings: { ...login, USERNAME_CHANGED_EMAIL_CONFIRMATION: true },
      needs: ['mail'],
      who: 'newcomer',
      steps: [
        { ask: set, send: good, ...emptied },
        { mailTo: '<email>', subject: TOLD },
      ],
    },
    {
      what: `the paths of the ${other} are not there, for nobody and for users`,
      settings: login,
      who: 'resident',
      steps: [
        { ask: `POST /users/set_${other}/`, bearer: null, ...anonymous },
        { ask: `POST /users/set_${other}/`, send: good, ...missing },
        { ask: `POST /users/reset_${other}/`, send: { email: '<email>' }, ...missing },
        { ask: `POST /users/reset_${other}_confirm/`, send: reset, ...missing },
      ].map((step) => ('send' in step ? { ...step, send: {} } : step)),
    },
  ];
}

export const loginNames: readonly Case[] = [...namesBy('username'), ...namesBy('email')];
