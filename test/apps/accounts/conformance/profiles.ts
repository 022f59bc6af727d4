import type { Case, Settings } from './case.ts';
import { faultsOfFields } from './faults.ts';
import { anonymous, invalid, me, noContent, unauthorized, user } from './responses.ts';
import { matching } from './shape.ts';

const byEmail: Settings = { LOGIN_FIELD: 'email' };
const self = user();
const gone = unauthorized('user_not_found', 'User not found');

/** Returns cases for the caller's own account, by both paths. */
const profileAt = (path: string): readonly Case[] => [
  {
    title: `GET ${path} returns the caller`,
    caller: 'newcomer',
    steps: [{ endpoint: `GET ${path}`, status: 200, responseBody: self }],
  },
  ...faultsOfFields({
    endpoint: `PUT ${path}`,
    caller: 'resident',
    good: { email: '<email>' },
    fields: { email: { optional: true, blank: true, isEmail: true } },
  }),
  ...faultsOfFields({
    endpoint: `PATCH ${path}`,
    caller: 'resident',
    good: { email: '<email>' },
    fields: { email: { optional: true, blank: true, isEmail: true } },
  }),
  ...(['PUT', 'PATCH'] as const).map(
    (method): Case => ({
      title: `${method} ${path} changes only the address`,
      caller: 'newcomer',
      steps: [
        { endpoint: `${method} ${path}`, send: {}, status: 200, responseBody: self },
        {
          endpoint: `${method} ${path}`,
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
          responseBody: user('<id>', '<name>', '<new>@example.com'),
        },
        // A staff user would see all users.
        { endpoint: 'GET /users/', status: 200, responseBody: [user('<id>', '<name>', '<new>@example.com')] },
        {
          endpoint: `${method} ${path}`,
          send: { email: '' },
          status: 200,
          responseBody: user('<id>', '<name>', ''),
        },
        {
          endpoint: `${method} ${path}`,
          send: { email: 'ann' },
          ...invalid({ email: 'Enter a valid email address.' }),
        },
      ],
    }),
  ),
  {
    title: `PATCH ${path} with an address that is taken is rejected on the field`,
    difference: 'addresses are unique',
    caller: 'newcomer',
    steps: [
      {
        endpoint: `PATCH ${path}`,
        send: { email: '<resident.email>' },
        ...invalid({ email: 'A user with that email already exists.' }),
      },
      { endpoint: `PATCH ${path}`, send: { email: '<email>' }, status: 200, responseBody: self },
    ],
  },
  ...faultsOfFields({
    endpoint: `DELETE ${path}`,
    caller: 'resident',
    good: { current_password: '<password>' },
    fields: { current_password: {} },
  }),
  {
    title: `HEAD ${path} is GET without a body`,
    ...(path === '/users/me/'
      ? { difference: 'Djoser fails with a 500: its view of HEAD returns nothing' }
      : {}),
    caller: 'resident',
    steps: [
      {
        endpoint: `HEAD ${path}`,
        status: 200,
        responseHeaders: { 'content-type': matching(/^application\/json/) },
      },
      { endpoint: `HEAD ${path}`, bearer: null, status: 401 },
    ],
  },
  {
    title: `DELETE ${path} requires the password, and ends every token`,
    caller: 'newcomer',
    steps: [
      {
        endpoint: `DELETE ${path}`,
        send: { current_password: 'wrong' },
        ...invalid({ current_password: 'Invalid password.' }),
      },
      { endpoint: `DELETE ${path}`, send: { current_password: '<password>' }, ...noContent },
      me(gone),
      { endpoint: `DELETE ${path}`, send: { current_password: '<password>' }, ...gone },
      { endpoint: `PATCH ${path}`, send: {}, ...gone },
    ],
  },
  {
    title: `PATCH ${path} changes the username, not the address`,
    settings: byEmail,
    caller: 'newcomer',
    steps: [
      {
        endpoint: `PATCH ${path}`,
        send: { username: '<new>', email: 'another@example.com' },
        status: 200,
        responseBody: user('<id>', '<new>', '<email>'),
      },
      {
        endpoint: `PATCH ${path}`,
        send: { username: '<resident.name>' },
        ...invalid({ username: 'A user with that username already exists.' }),
      },
      { endpoint: `PUT ${path}`, send: {}, ...invalid({ username: 'This field is required.' }) },
      { endpoint: `PUT ${path}`, send: { username: '<name>' }, status: 200, responseBody: self },
    ],
  },
];

export const profiles: readonly Case[] = [
  ...profileAt('/users/me/'),
  ...profileAt('/users/<id>/'),
  {
    title: 'checks credentials before the body',
    steps: [
      { endpoint: 'PATCH /users/me/', raw: '{', ...anonymous },
      { endpoint: 'DELETE /users/me/', send: {}, ...anonymous },
    ],
  },
];
