import type { Case, Settings } from './case.ts';
import { anonymous, badToken, forbidden, notFound, user } from './responses.ts';
import { anId, aText, listWith, matching } from './shape.ts';

const open: Settings = { HIDE_USERS: false };
const resident = user('<resident.id>', '<resident.name>', '<resident.email>');
const self = user();

export const users: readonly Case[] = [
  {
    title: 'the list of users requires a login',
    steps: [
      { endpoint: 'GET /users/', ...anonymous },
      { endpoint: 'GET /users/', bearer: 'nonsense', ...badToken('Token is invalid') },
    ],
  },
  {
    title: 'a user sees only themselves in the list',
    caller: 'newcomer',
    steps: [{ endpoint: 'GET /users/', status: 200, responseBody: [self] }],
  },
  {
    title: 'staff see all users in the list',
    needs: ['staff'],
    caller: 'staff',
    steps: [{ endpoint: 'GET /users/', status: 200, responseBody: listWith(resident) }],
  },
  {
    title: 'a user sees all users in the list if users are not hidden',
    settings: open,
    caller: 'newcomer',
    steps: [
      { endpoint: 'GET /users/', status: 200, responseBody: listWith(resident) },
      { endpoint: 'GET /users/', status: 200, responseBody: listWith(self) },
    ],
  },
  {
    title: 'the list of users has pages on request',
    difference: 'Djoser has no pages of its own',
    needs: ['staff'],
    caller: 'staff',
    steps: [
      {
        endpoint: 'GET /users/?page=1&page_size=1',
        status: 200,
        responseBody: {
          count: anId,
          next: matching(/page=2/),
          previous: null,
          results: [user(anId, aText, aText)],
        },
      },
      { endpoint: 'GET /users/?page=0', status: 404, responseBody: { detail: 'Invalid page.' } },
      { endpoint: 'GET /users/?page=99999', status: 404, responseBody: { detail: 'Invalid page.' } },
    ],
  },
  {
    title: 'a page of users contains only the caller if users are hidden',
    difference: 'Djoser has no pages of its own',
    caller: 'newcomer',
    steps: [
      {
        endpoint: 'GET /users/?page=1&page_size=50',
        status: 200,
        responseBody: { count: 1, next: null, previous: null, results: [self] },
      },
      { endpoint: 'GET /users/?page=2', status: 404, responseBody: { detail: 'Invalid page.' } },
    ],
  },

  ...(['GET', 'PUT', 'PATCH', 'DELETE'] as const).map(
    (method): Case => ({
      title: `${method} of a user by id requires a login`,
      steps: [
        { endpoint: `${method} /users/<resident.id>/`, ...anonymous },
        { endpoint: `${method} /users/me/`, ...anonymous },
        { endpoint: `${method} /users/<resident.id>/`, bearer: 'nonsense', ...badToken('Token is invalid') },
        { endpoint: `${method} /users/me/`, bearer: 'nonsense', ...badToken('Token is invalid') },
      ],
    }),
  ),
  ...(['GET', 'PUT', 'PATCH', 'DELETE'] as const).map(
    (method): Case => ({
      title: `${method} of another user’s id returns 404`,
      ...(method === 'DELETE' ? { difference: 'Djoser says 403 there' } : {}),
      caller: 'newcomer',
      steps: ['<resident.id>', '999999999', '0', 'abc', '-1', '99999999999999999999'].map((id) => ({
        endpoint: `${method} /users/${id}/`,
        send: method === 'GET' ? undefined : { email: 'mine@example.com', current_password: '<password>' },
        ...notFound,
      })),
    }),
  ),
  {
    title: 'returns 403 for another user’s id and 404 for an unused one if users are not hidden',
    settings: open,
    caller: 'newcomer',
    steps: [
      ...(['GET', 'PUT', 'PATCH', 'DELETE'] as const).flatMap((method) => [
        { endpoint: `${method} /users/<resident.id>/`, ...forbidden() },
        { endpoint: `${method} /users/999999999/`, ...notFound },
      ]),
      { endpoint: 'GET /users/<id>/', status: 200, responseBody: self },
    ],
  },
  {
    title: 'accepts an id with leading zeros',
    caller: 'newcomer',
    steps: [{ endpoint: 'GET /users/000<id>/', status: 200, responseBody: self }],
  },

  {
    title: 'staff can read, change and delete a user',
    needs: ['staff'],
    caller: 'newcomer',
    steps: [
      { endpoint: 'GET /users/<id>/', bearer: '<staff.access>', status: 200, responseBody: self },
      {
        endpoint: 'PATCH /users/<id>/',
        bearer: '<staff.access>',
        send: { email: '<new>@example.com' },
        status: 200,
        responseBody: user('<id>', '<name>', '<new>@example.com'),
      },
      {
        endpoint: 'PUT /users/<id>/',
        bearer: '<staff.access>',
        send: { email: '<email>' },
        status: 200,
        responseBody: self,
      },
      {
        endpoint: 'DELETE /users/<id>/',
        bearer: '<staff.access>',
        send: { current_password: 'not that of staff' },
        status: 400,
        responseBody: { current_password: ['Invalid password.'] },
      },
      {
        endpoint: 'DELETE /users/<id>/',
        bearer: '<staff.access>',
        send: { current_password: '<staff.password>' },
        status: 204,
      },
      { endpoint: 'GET /users/<id>/', bearer: '<staff.access>', ...notFound },
      { endpoint: 'DELETE /users/<id>/', bearer: '<staff.access>', ...notFound },
    ],
  },
  {
    title: 'staff can read a superuser, but not change or delete one',
    difference: 'Djoser lets staff take a superuser’s account',
    needs: ['staff', 'superuser'],
    caller: 'staff',
    steps: [
      {
        endpoint: 'GET /users/<superuser.id>/',
        status: 200,
        responseBody: user('<superuser.id>', '<superuser.name>', '<superuser.email>'),
      },
      ...(['PUT', 'PATCH', 'DELETE'] as const).map((method) => ({
        endpoint: `${method} /users/<superuser.id>/`,
        send: { email: 'mine@example.com', current_password: '<staff.password>' },
        ...forbidden(),
      })),
    ],
  },
  {
    title: 'a superuser can change and delete every user',
    needs: ['superuser'],
    caller: 'newcomer',
    steps: [
      {
        endpoint: 'PATCH /users/<id>/',
        bearer: '<superuser.access>',
        send: { email: '' },
        status: 200,
        responseBody: user('<id>', '<name>', ''),
      },
      {
        endpoint: 'DELETE /users/<id>/',
        bearer: '<superuser.access>',
        send: { current_password: '<superuser.password>' },
        status: 204,
      },
    ],
  },
];
