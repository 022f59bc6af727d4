import type { Case, Mailed, RequestStep, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { anonymous, invalid, logIn, me, noContent, user } from './responses.ts';
import { allows, ours } from './shape.ts';

type Field = 'username' | 'email';

const UNDECLARED =
  'Djoser drops these two fields of its serializer by mistake, and fails with a 500 for what is no string';

const PURPOSE = 'Djoser accepts a link of one purpose for another';
const NO_UID = invalid({ uid: "Invalid user id or user doesn't exist." });
const NO_POST = {
  status: 405,
  responseBody: { detail: 'Method "POST" not allowed.' },
  responseHeaders: { allow: allows('GET', 'PUT', 'PATCH', 'DELETE') },
};
const SPENT = invalid({ token: 'Invalid token for given user.' });
const CHANGED_SUBJECT = /Your username has been successfully changed!$/;

/** Returns cases for both ways to change a login name. The paths of the other name do not exist. */
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
    // The message about an address is that of the user model.
    responseBody: { [name]: [field === 'email' ? ours(taken400) : taken400] },
  };
  const INVALID_NAME = invalid({
    [name]:
      field === 'email'
        ? 'Enter a valid email address.'
        : 'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.',
  });
  const after = field === 'email' ? user('<id>', '<name>', fresh) : user('<id>', fresh, '<email>');

  const form = { isEmail: field === 'email', isUsername: field === 'username' };
  const good = { [name]: fresh, current_password: '<password>' };
  const requested: RequestStep = {
    endpoint: request,
    bearer: null,
    send: { email: '<email>' },
    ...noContent,
  };
  const mailed: Mailed = {
    mailTo: '<email>',
    subject: /^Username reset on /,
    keep: { uid: 'uid', token: 'token' },
  };
  const reset = { uid: '<uid>', token: '<token>', [name]: fresh };
  const follow: RequestStep = { endpoint: confirm, bearer: null, send: reset, ...noContent };
  const retyped: Settings = { ...login, SET_USERNAME_RETYPE: true, USERNAME_RESET_CONFIRM_RETYPE: true };
  const MISMATCH = invalid({ non_field_errors: `The two ${field} fields didn't match.` });

  return [
    ...faultsOfFields({
      endpoint: set,
      settings: login,
      caller: 'resident',
      good,
      fields: { [name]: form, current_password: {} },
    }),
    {
      title: `a change of the ${field} requires a login`,
      settings: login,
      steps: [{ endpoint: set, send: { [name]: fresh, current_password: 'x' }, ...anonymous }],
    },
    {
      title: `a change of the ${field} requires the password, and ends no session`,
      settings: login,
      caller: 'newcomer',
      steps: [
        {
          endpoint: set,
          send: { ...good, current_password: 'x' },
          ...invalid({ current_password: 'Invalid password.' }),
        },
        { endpoint: set, send: { ...good, [name]: taken }, ...TAKEN },
        { endpoint: set, send: { ...good, [name]: 'a b' }, ...INVALID_NAME },
        { endpoint: set, send: good, ...noContent },
        me({ status: 200, responseBody: after }),
        logIn(old, '<password>', { field, good: false }),
        logIn(fresh, '<password>', { field }),
      ],
    },
    {
      title: `rejects the caller’s own ${field} as taken`,
      settings: login,
      caller: 'newcomer',
      steps: [
        { endpoint: set, send: { ...good, [name]: old }, ...TAKEN },
        me({ status: 200, responseBody: user() }),
      ],
    },
    ...faultsOfFields({
      endpoint: request,
      settings: login,
      good: { email: 'a@b.co' },
      fields: { email: { isEmail: true } },
    }),
    ...faultsOfFields({
      endpoint: confirm,
      settings: login,
      good: { ...reset, uid: 'MQ', token: 'x', [name]: 'n@example.com' },
      fields: { uid: { difference: UNDECLARED }, token: { difference: UNDECLARED }, [name]: form },
      differenceIfMissing: UNDECLARED,
    }),
    {
      title: `rejects a link for the ${field} of an unknown user`,
      settings: login,
      steps: [
        { ...follow, send: { ...reset, uid: 'nonsense', token: 'x' }, ...NO_UID },
        { endpoint: request, send: { email: 'ann' }, ...invalid({ email: 'Enter a valid email address.' }) },
      ],
    },
    {
      title: `the link sets a new ${field}, once`,
      settings: login,
      needs: ['mail'],
      caller: 'newcomer',
      steps: [
        { ...requested, send: { email: 'nobody.<new>@example.com' } },
        requested,
        mailed,
        { ...follow, send: { ...reset, token: '<token>x' }, ...SPENT },
        { ...follow, send: { ...reset, [name]: taken }, ...TAKEN },
        { ...follow, send: { ...reset, [name]: 'a b' }, ...INVALID_NAME },
        follow,
        me({ status: 200, responseBody: after }),
        logIn(fresh, '<password>', { field }),
        {
          ...follow,
          send: { ...reset, [name]: field === 'email' ? 'b<new>@example.com' : '<new>b' },
          ...SPENT,
        },
        {
          ...follow,
          ...SPENT,
          difference: 'Djoser reports a taken name first, also to clients without a link',
        },
        { noMailTo: 'nobody.<new>@example.com', subject: /./ },
      ],
    },
    {
      title: `a link for the ${field} does not set a password`,
      settings: login,
      needs: ['mail'],
      caller: 'newcomer',
      steps: [
        requested,
        mailed,
        {
          endpoint: 'POST /users/reset_password_confirm/',
          send: { uid: '<uid>', token: '<token>', new_password: 'a rather different horse staple' },
          ...SPENT,
          difference: PURPOSE,
        },
        { ...follow, difference: PURPOSE },
      ],
    },
    ...faultsOfFields({
      endpoint: set,
      settings: retyped,
      caller: 'resident',
      good: { ...good, [renamed]: fresh },
      fields: { [name]: form, [renamed]: {}, current_password: {} },
    }),
    ...faultsOfFields({
      endpoint: confirm,
      settings: retyped,
      good: { uid: 'MQ', token: 'x', [name]: 'n@example.com', [renamed]: 'n@example.com' },
      fields: {
        uid: { difference: UNDECLARED },
        token: { difference: UNDECLARED },
        [name]: form,
        [renamed]: {},
      },
      differenceIfMissing: UNDECLARED,
    }),
    {
      title: `rejects two different values of the new ${field}`,
      settings: retyped,
      needs: ['mail'],
      caller: 'newcomer',
      steps: [
        { endpoint: set, send: { ...good, [renamed]: 'another' }, ...MISMATCH },
        requested,
        mailed,
        { ...follow, send: { ...reset, [renamed]: 'another' }, ...MISMATCH },
        { ...follow, send: { ...reset, [renamed]: fresh } },
        { endpoint: set, send: { ...good, [name]: old, [renamed]: old }, ...noContent },
        me({ status: 200, responseBody: user() }),
      ],
    },
    {
      title: `sends a mail about a changed ${field} to the previous address`,
      ...(field === 'email' ? { difference: 'Djoser writes to the new address' } : {}),
      settings: { ...login, USERNAME_CHANGED_EMAIL_CONFIRMATION: true },
      needs: ['mail'],
      caller: 'newcomer',
      steps: [
        { endpoint: set, send: good, ...noContent },
        { mailTo: '<email>', subject: CHANGED_SUBJECT },
      ],
    },
    {
      title: `the paths of the ${other} behave like a user by id, without POST`,
      settings: login,
      caller: 'resident',
      steps: [
        { endpoint: `POST /users/set_${other}/`, bearer: null, ...anonymous },
        { endpoint: `POST /users/set_${other}/`, send: good, ...NO_POST },
        { endpoint: `POST /users/reset_${other}/`, send: { email: '<email>' }, ...NO_POST },
        { endpoint: `POST /users/reset_${other}_confirm/`, bearer: null, send: reset, ...anonymous },
        { endpoint: `POST /users/reset_${other}_confirm/`, send: reset, ...NO_POST },
      ].map((step) => ('send' in step ? { ...step, send: {} } : step)),
    },
  ];
}

export const loginNames: readonly Case[] = [...namesBy('username'), ...namesBy('email')];
