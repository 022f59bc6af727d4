import type { Case } from './case.ts';
import { anonymous, badToken, badTokenSent, logIn, me, noContent, notFound, user } from './responses.ts';
import { anId, aTime, listWith } from './shape.ts';

const session = (current: boolean, agent = '') => ({
  id: anId,
  user_agent: agent,
  created_at: aTime,
  last_used_at: aTime,
  actor: null,
  current,
});
const difference = 'SimpleJWT does not know where one is logged in';
const known = { status: 200, responseBody: user() };

export const sessions: readonly Case[] = [
  {
    title: 'the list of sessions requires a login',
    difference,
    steps: [
      { endpoint: 'GET /sessions/', ...anonymous },
      { endpoint: 'DELETE /sessions/1/', ...anonymous },
    ],
  },
  {
    title: 'lists the sessions of a user, most recently used first',
    difference,
    caller: 'newcomer',
    steps: [
      {
        ...logIn('<name>', '<password>'),
        headers: { 'User-Agent': 'a phone' },
        keep: { 'other.access': 'access' },
      },
      { endpoint: 'GET /sessions/', status: 200, responseBody: [session(false, 'a phone'), session(true)] },
      {
        endpoint: 'GET /sessions/',
        bearer: '<other.access>',
        status: 200,
        responseBody: [session(true, 'a phone'), session(false)],
      },
    ],
  },
  {
    title: 'a user can end one session, with immediate effect',
    difference,
    caller: 'newcomer',
    steps: [
      { endpoint: 'GET /sessions/', status: 200, responseBody: [session(true)], keep: { mine: '0.id' } },
      { ...logIn('<name>', '<password>'), keep: { 'other.access': 'access' } },
      { endpoint: 'DELETE /sessions/<mine>/', bearer: '<other.access>', ...noContent },
      me(badToken('Token is blacklisted')),
      {
        endpoint: 'POST /jwt/refresh/',
        send: { refresh: '<refresh>' },
        ...badTokenSent('Token is blacklisted'),
      },
      me(known, '<other.access>'),
      { endpoint: 'DELETE /sessions/<mine>/', bearer: '<other.access>', ...notFound },
    ],
  },
  {
    title: 'lists a key as a session',
    difference,
    caller: 'newcomer',
    steps: [
      {
        endpoint: 'POST /token/login/',
        bearer: null,
        headers: { 'User-Agent': 'a script' },
        send: { username: '<name>', password: '<password>' },
        status: 200,
        responseBody: { auth_token: (value) => (typeof value === 'string' ? null : 'is no key') },
        keep: { key: 'auth_token' },
      },
      {
        endpoint: 'GET /sessions/',
        status: 200,
        responseBody: listWith(session(false, 'a script')),
        keep: { it: '0.id' },
      },
      { endpoint: 'DELETE /sessions/<it>/', ...noContent },
      {
        endpoint: 'GET /users/me/',
        bearer: null,
        headers: { Authorization: 'Token <key>' },
        status: 401,
        responseBody: { detail: 'Invalid token.', code: 'authentication_failed' },
      },
    ],
  },
  {
    title: 'returns 404 for the session of another user',
    difference,
    caller: 'newcomer',
    needs: ['staff'],
    steps: [
      { endpoint: 'GET /sessions/', status: 200, responseBody: [session(true)], keep: { mine: '0.id' } },
      { endpoint: 'DELETE /sessions/<mine>/', bearer: '<resident.access>', ...notFound },
      { endpoint: 'DELETE /sessions/<mine>/', bearer: '<staff.access>', ...notFound },
      ...['0', '999999999', 'abc', '99999999999999999999'].map((id) => ({
        endpoint: `DELETE /sessions/${id}/`,
        ...notFound,
      })),
      me(known),
    ],
  },
];
