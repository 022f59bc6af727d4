import { anonymous, badToken, forbidden, missing, user } from './answers.ts';
import type { Case, Settings } from './case.ts';
import { anId, aText, listWith, matching } from './shape.ts';

const open: Settings = { HIDE_USERS: false };
const resident = user('<resident.id>', '<resident.name>', '<resident.email>');
const self = user();

export const users: readonly Case[] = [
  {
    what: 'who is not logged in sees no list of users',
    steps: [
      { ask: 'GET /users/', ...anonymous },
      { ask: 'GET /users/', bearer: 'nonsense', ...badToken('Token is invalid') },
    ],
  },
  {
    what: 'a user sees nobody else in the list',
    who: 'newcomer',
    steps: [{ ask: 'GET /users/', status: 200, answer: [self] }],
  },
  {
    what: 'staff sees everybody in the list',
    needs: ['staff'],
    who: 'staff',
    steps: [{ ask: 'GET /users/', status: 200, answer: listWith(resident) }],
  },
  {
    what: 'where users are not hidden, a user sees everybody in the list',
    settings: open,
    who: 'newcomer',
    steps: [
      { ask: 'GET /users/', status: 200, answer: listWith(resident) },
      { ask: 'GET /users/', status: 200, answer: listWith(self) },
    ],
  },
  {
    what: 'the list of users comes in pages for who asks for one',
    particular: 'Djoser has no pages of its own',
    needs: ['staff'],
    who: 'staff',
    steps: [
      {
        ask: 'GET /users/?page=1&page_size=1',
        status: 200,
        answer: {
          count: anId,
          next: matching(/page=2/),
          previous: null,
          results: [user(anId, aText, aText)],
        },
      },
      { ask: 'GET /users/?page=0', status: 404, answer: { detail: 'Invalid page.' } },
      { ask: 'GET /users/?page=99999', status: 404, answer: { detail: 'Invalid page.' } },
    ],
  },
  {
    what: 'a page of users holds oneself alone for who may not see the others',
    particular: 'Djoser has no pages of its own',
    who: 'newcomer',
    steps: [
      {
        ask: 'GET /users/?page=1&page_size=50',
        status: 200,
        answer: { count: 1, next: null, previous: null, results: [self] },
      },
      { ask: 'GET /users/?page=2', status: 404, answer: { detail: 'Invalid page.' } },
    ],
  },

  ...(['GET', 'PUT', 'PATCH', 'DELETE'] as const).map(
    (method): Case => ({
      what: `${method} of a user by id is for users`,
      steps: [
        { ask: `${method} /users/<resident.id>/`, ...anonymous },
        { ask: `${method} /users/me/`, ...anonymous },
        { ask: `${method} /users/<resident.id>/`, bearer: 'nonsense', ...badToken('Token is invalid') },
        { ask: `${method} /users/me/`, bearer: 'nonsense', ...badToken('Token is invalid') },
      ],
    }),
  ),
  ...(['GET', 'PUT', 'PATCH', 'DELETE'] as const).map(
    (method): Case => ({
      what: `${method} of another user’s id is answered as if nobody had it`,
      ...(method === 'DELETE' ? { particular: 'Djoser says 403 there' } : {}),
      who: 'newcomer',
      steps: ['<resident.id>', '999999999', '0', 'abc', '-1', '99999999999999999999'].map((id) => ({
        ask: `${method} /users/${id}/`,
        send: method === 'GET' ? undefined : { email: 'mine@example.com', current_password: '<password>' },
        ...missing,
      })),
    }),
  ),
  {
    what: 'where users are not hidden, another’s id is forbidden, and nobody’s is not there',
    settings: open,
    who: 'newcomer',
    steps: [
      ...(['GET', 'PUT', 'PATCH', 'DELETE'] as const).flatMap((method) => [
        { ask: `${method} /users/<resident.id>/`, ...forbidden() },
        { ask: `${method} /users/999999999/`, ...missing },
      ]),
      { ask: 'GET /users/<id>/', status: 200, answer: self },
    ],
  },
  {
    what: 'an id with leading zeros is the id',
    who: 'newcomer',
    steps: [{ ask: 'GET /users/000<id>/', status: 200, answer: self }],
  },

  {
    what: 'staff reads, changes and deletes a user',
    needs: ['staff'],
    who: 'newcomer',
    steps: [
      { ask: 'GET /users/<id>/', bearer: '<staff.access>', status: 200, answer: self },
      {
        ask: 'PATCH /users/<id>/',
        bearer: '<staff.access>',
        send: { email: '<new>@example.com' },
        status: 200,
        answer: user('<id>', '<name>', '<new>@example.com'),
      },
      {
        ask: 'PUT /users/<id>/',
        bearer: '<staff.access>',
        send: { email: '<email>' },
        status: 200,
        answer: self,
      },
      {
        ask: 'DELETE /users/<id>/',
        bearer: '<staff.access>',
        send: { current_password: 'not that of staff' },
        status: 400,
        answer: { current_password: ['Invalid password.'] },
      },
      {
        ask: 'DELETE /users/<id>/',
        bearer: '<staff.access>',
        send: { current_password: '<staff.password>' },
        status: 204,
      },
      { ask: 'GET /users/<id>/', bearer: '<staff.access>', ...missing },
      { ask: 'DELETE /users/<id>/', bearer: '<staff.access>', ...missing },
    ],
  },
  {
    what: 'staff reads a superuser, and neither changes nor deletes one',
    particular: 'Djoser lets staff take a superuser’s account',
    needs: ['staff', 'superuser'],
    who: 'staff',
    steps: [
      {
        ask: 'GET /users/<superuser.id>/',
        status: 200,
        answer: user('<superuser.id>', '<superuser.name>', '<superuser.email>'),
      },
      ...(['PUT', 'PATCH', 'DELETE'] as const).map((method) => ({
        ask: `${method} /users/<superuser.id>/`,
        send: { email: 'mine@example.com', current_password: '<staff.password>' },
        ...forbidden(),
      })),
    ],
  },
  {
    what: 'a superuser changes and deletes everybody',
    needs: ['superuser'],
    who: 'newcomer',
    steps: [
      {
        ask: 'PATCH /users/<id>/',
        bearer: '<superuser.access>',
        send: { email: '' },
        status: 200,
        answer: user('<id>', '<name>', ''),
      },
      {
        ask: 'DELETE /users/<id>/',
        bearer: '<superuser.access>',
        send: { current_password: '<superuser.password>' },
        status: 204,
      },
    ],
  },
];
