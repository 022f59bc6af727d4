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
const particular = 'SimpleJWT does not know where one is logged in';
const known = { status: 200, answer: user() };

export const sessions: readonly Case[] = [
  {
    what: 'who is not logged in has no sessions',
    particular,
    steps: [
      { ask: 'GET /sessions/', ...anonymous },
      { ask: 'DELETE /sessions/1/', ...anonymous },
    ],
  },
  {
    what: 'a user sees where they are logged in, the last one used first',
    particular,
    who: 'newcomer',
    steps: [
      {
        ...logIn('<name>', '<password>'),
        headers: { 'User-Agent': 'a phone' },
        keep: { 'other.access': 'access' },
      },
      { ask: 'GET /sessions/', status: 200, answer: [session(false, 'a phone'), session(true)] },
      {
        ask: 'GET /sessions/',
        bearer: '<other.access>',
        status: 200,
        answer: [session(true, 'a phone'), session(false)],
      },
    ],
  },
  {
    what: 'a user ends one session, and it is over at once',
    particular,
    who: 'newcomer',
    steps: [
      { ask: 'GET /sessions/', status: 200, answer: [session(true)], keep: { mine: '0.id' } },
      { ...logIn('<name>', '<password>'), keep: { 'other.access': 'access' } },
      { ask: 'DELETE /sessions/<mine>/', bearer: '<other.access>', ...emptied },
      me(badToken('Token is blacklisted')),
      {
        ask: 'POST /jwt/refresh/',
        send: { refresh: '<refresh>' },
        ...badTokenSent('Token is blacklisted'),
      },
      me(known, '<other.access>'),
      { ask: 'DELETE /sessions/<mine>/', bearer: '<other.access>', ...missing },
    ],
  },
  {
    what: 'a key is a session like any other',
    particular,
    who: 'newcomer',
    steps: [
      {
        ask: 'POST /token/login/',
        bearer: null,
        headers: { 'User-Agent': 'a script' },
        send: { username: '<name>', password: '<password>' },
        status: 200,
        answer: { auth_token: (value) => (typeof value === 'string' ? null : 'is no key') },
        keep: { key: 'auth_token' },
      },
      {
        ask: 'GET /sessions/',
        status: 200,
        answer: listWith(session(false, 'a script')),
        keep: { it: '0.id' },
      },
      { ask: 'DELETE /sessions/<it>/', ...emptied },
      {
        ask: 'GET /users/me/',
        bearer: null,
        headers: { Authorization: 'Token <key>' },
        status: 401,
        answer: { detail: 'Invalid token.', code: 'authentication_failed' },
      },
    ],
  },
  {
    what: 'another user’s session is answered as if there were none',
    particular,
    who: 'newcomer',
    needs: ['staff'],
    steps: [
      { ask: 'GET /sessions/', status: 200, answer: [session(true)], keep: { mine: '0.id' } },
      { ask: 'DELETE /sessions/<mine>/', bearer: '<resident.access>', ...missing },
      { ask: 'DELETE /sessions/<mine>/', bearer: '<staff.access>', ...missing },
      ...['0', '999999999', 'abc', '99999999999999999999'].map((id) => ({
        ask: `DELETE /sessions/${id}/`,
        ...missing,
      })),
      me(known),
    ],
  },
];
