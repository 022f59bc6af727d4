import { anonymous, emptied, invalid, me, unauthorized, user } from './answers.ts';
import type { Case, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { matching } from './shape.ts';

const byEmail: Settings = { LOGIN_FIELD: 'email' };
const self = user();
const gone = unauthorized('user_not_found', 'User not found');

/** One's own account, by either path. */
const profileAt = (path: string): readonly Case[] => [
  {
    what: `GET ${path} shows oneself`,
    who: 'newcomer',
    steps: [{ ask: `GET ${path}`, status: 200, answer: self }],
  },
  ...faultsOfFields({
    ask: `PUT ${path}`,
    who: 'resident',
    good: { email: '<email>' },
    fields: { email: { optional: true, blank: true, isEmail: true } },
  }),
  ...faultsOfFields({
    ask: `PATCH ${path}`,
    who: 'resident',
    good: { email: '<email>' },
    fields: { email: { optional: true, blank: true, isEmail: true } },
  }),
  ...(['PUT', 'PATCH'] as const).map(
    (method): Case => ({
      what: `${method} ${path} changes the address and nothing else`,
      who: 'newcomer',
      steps: [
        { ask: `${method} ${path}`, send: {}, status: 200, answer: self },
        {
          ask: `${method} ${path}`,
          send: {
            email: '<new>@example.com',
            username: '<new>',
            password: 'x',
            id: 1,
            is_staff: true,
            is_superuser: true,
            is_active: false,
          },
          status: 200,
          answer: user('<id>', '<name>', '<new>@example.com'),
        },
        // Were they staff now, they would see more than themselves.
        { ask: 'GET /users/', status: 200, answer: [user('<id>', '<name>', '<new>@example.com')] },
        { ask: `${method} ${path}`, send: { email: '' }, status: 200, answer: user('<id>', '<name>', '') },
        {
          ask: `${method} ${path}`,
          send: { email: 'ann' },
          ...invalid({ email: 'Enter a valid email address.' }),
        },
      ],
    }),
  ),
  {
    what: `PATCH ${path} with an address that is taken is refused on the field`,
    particular: 'addresses are unique',
    who: 'newcomer',
    steps: [
      {
        ask: `PATCH ${path}`,
        send: { email: '<resident.email>' },
        ...invalid({ email: 'A user with that email already exists.' }),
      },
      { ask: `PATCH ${path}`, send: { email: '<email>' }, status: 200, answer: self },
    ],
  },
  ...faultsOfFields({
    ask: `DELETE ${path}`,
    who: 'resident',
    good: { current_password: '<password>' },
    fields: { current_password: {} },
  }),
  {
    what: `HEAD ${path} is GET without a body`,
    ...(path === '/users/me/'
      ? { particular: 'Djoser fails with a 500: its view of HEAD returns nothing' }
      : {}),
    who: 'resident',
    steps: [
      { ask: `HEAD ${path}`, status: 200, answerHeaders: { 'content-type': matching(/^application\/json/) } },
      { ask: `HEAD ${path}`, bearer: null, status: 401 },
    ],
  },
  {
    what: `DELETE ${path} needs the password, and ends every token`,
    who: 'newcomer',
    steps: [
      {
        ask: `DELETE ${path}`,
        send: { current_password: 'wrong' },
        ...invalid({ current_password: 'Invalid password.' }),
      },
      { ask: `DELETE ${path}`, send: { current_password: '<password>' }, ...emptied },
      me(gone),
      { ask: `DELETE ${path}`, send: { current_password: '<password>' }, ...gone },
      { ask: `PATCH ${path}`, send: {}, ...gone },
    ],
  },
  {
    what: `PATCH ${path} changes the name and not the address`,
    settings: byEmail,
    who: 'newcomer',
    steps: [
      {
        ask: `PATCH ${path}`,
        send: { username: '<new>', email: 'another@example.com' },
        status: 200,
        answer: user('<id>', '<new>', '<email>'),
      },
      {
        ask: `PATCH ${path}`,
        send: { username: '<resident.name>' },
        ...invalid({ username: 'A user with that username already exists.' }),
      },
      { ask: `PUT ${path}`, send: {}, ...invalid({ username: 'This field is required.' }) },
      { ask: `PUT ${path}`, send: { username: '<name>' }, status: 200, answer: self },
    ],
  },
];

export const profiles: readonly Case[] = [
  ...profileAt('/users/me/'),
  ...profileAt('/users/<id>/'),
  {
    what: 'nobody is told of a body before they are known',
    steps: [
      { ask: 'PATCH /users/me/', raw: '{', ...anonymous },
      { ask: 'DELETE /users/me/', send: {}, ...anonymous },
    ],
  },
];
