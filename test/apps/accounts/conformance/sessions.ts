import { anonymous, badToken, badTokenSent, emptied, logIn, me, missing, user } from './answers.ts';
import type { Case } from './case.ts';
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
const known = { status: 200, answer: user() };

export const sessions: readonly Case[] = [
  {
    what: 'the list of sessions requires a login',
    difference,
    steps: [
      { endpoint: 'GET /sessions/', ...anonymous },
      { endpoint: 'DELETE /sessions/1/', ...anonymous },
    ],
  },
  {
    what: 'lists the sessions of a user, most recently used first',
    difference,
    who: 'newcomer',
    steps: [
      {
        ...logIn('<name>', '<password>'),
        headers: { 'User-Agent': 'a phone' },
        keep: { 'other.access': 'access' },
      },
      { endpoint: 'GET /sessions/', status: 200, answer: [session(false, 'a phone'), session(true)] },
      {
        endpoint: 'GET /sessions/',
        bearer: '<other.access>',
        status: 200,
        answer: [session(true, 'a phone'), session(false)],
      },
    ],
  },
  {
    what: 'a user can end one session, with immediate effect',
    difference,
    who: 'newcomer',
    steps: [
      { endpoint: 'GET /sessions/', status: 200, answer: [session(true)], keep: { mine: '0.id' } },
      { ...logIn('<name>', '<password>'), keep: { 'other.access': 'access' } },
      { endpoint: 'DELETE /sessions/<mine>/', bearer: '<other.access>', ...emptied },
      me(badToken('Token is blacklisted')),
      {
        endpoint: 'POST /jwt/refresh/',
        send: { refresh: '<refresh>' },
        ...badTokenSent('Token is blacklisted'),
      },
      me(known, '<other.access>'),
      { endpoint: 'DELETE /sessions/<mine>/', bearer: '<other.access>', ...missing },
    ],
  },
  {
    what: 'lists a key as a session',
    difference,
    who: 'newcomer',
    steps: [
      {
        endpoint: 'POST /token/login/',
        bearer: null,
        headers: { 'User-Agent': 'a script' },
        send: { username: '<name>', password: '<password>' },
        status: 200,
        answer: { auth_token: (value) => (typeof value === 'string' ? null : 'is no key') },
        keep: { key: 'auth_token' },
      },
      {
        endpoint: 'GET /sessions/',
        status: 200,
        answer: listWith(session(false, 'a script')),
        keep: { it: '0.id' },
      },
      { endpoint: 'DELETE /sessions/<it>/', ...emptied },
      {
        endpoint: 'GET /users/me/',
        bearer: null,
        headers: { Authorization: 'Token <key>' },
        status: 401,
        answer: { detail: 'Invalid token.', code: 'authentication_failed' },
      },
    ],
  },
  {
    what: 'returns 404 for the session of another user',
    difference,
    who: 'newcomer',
    needs: ['staff'],
    steps: [
      { endpoint: 'GET /sessions/', status: 200, answer: [session(true)], keep: { mine: '0.id' } },
      { endpoint: 'DELETE /sessions/<mine>/', bearer: '<resident.access>', ...missing },
      { endpoint: 'DELETE /sessions/<mine>/', bearer: '<staff.access>', ...missing },
      ...['0', '999999999', 'abc', '99999999999999999999'].map((id) => ({
        endpoint: `DELETE /sessions/${id}/`,
        ...missing,
      })),
      me(known),
    ],
  },
];
