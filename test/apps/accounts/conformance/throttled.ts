import { emptied, invalid, logIn, noAccount, user } from './answers.ts';
import type { Asking, Case } from './case.ts';
import { anId, aText, matching } from './shape.ts';

const particular = 'Djoser and SimpleJWT count nothing';

const tooMany: Pick<Asking, 'status' | 'answer' | 'answerHeaders'> = {
  status: 429,
  answer: { detail: aText },
  answerHeaders: { 'retry-after': matching(/^[1-9]\d*$/) },
};
const failed = (login: string): Asking => ({
  ask: 'POST /jwt/create/',
  bearer: null,
  send: { username: login, password: 'wrong' },
  ...noAccount,
});
const asked = (action: string, email: string): Asking => ({
  ask: `POST /users/${action}/`,
  bearer: null,
  send: { email },
  ...emptied,
});

export const throttled: readonly Case[] = [
  {
    what: 'who fails to log in too often waits, by either way in, also with the right password; others do not',
    settings: { THROTTLE_LOGIN: '3/hour' },
    particular,
    who: 'newcomer',
    steps: [
      failed('<name>'),
      failed('<NAME>'),
      {
        ask: 'POST /token/login/',
        bearer: null,
        send: { username: '<name>', password: 'wrong' },
        ...invalid({ non_field_errors: 'Unable to log in with provided credentials.' }),
      },
      { ...failed('<name>'), ...tooMany },
      { ...logIn('<name>', '<password>'), ...tooMany },
      {
        ask: 'POST /users/set_password/',
        send: { current_password: '<password>', new_password: 'a rather different horse staple' },
        ...tooMany,
      },
      failed('nobody.<new>'),
      logIn('<resident.name>', '<resident.password>'),
    ],
  },
  {
    what: 'a log in that succeeds forgives those that failed',
    settings: { THROTTLE_LOGIN: '3/hour' },
    particular,
    who: 'newcomer',
    steps: [
      failed('<name>'),
      failed('<name>'),
      logIn('<name>', '<password>'),
      failed('<name>'),
      failed('<name>'),
      logIn('<name>', '<password>'),
    ],
  },
  ...['reset_password', 'reset_username'].map(
    (action): Case => ({
      what: `who asks for mail by ${action} too often waits, whether there is such a user or not`,
      settings: { THROTTLE_RESET: '2/hour' },
      particular,
      who: 'newcomer',
      steps: ['<email>', 'nobody.<new>@example.com'].flatMap((email) => [
        asked(action, email),
        asked(action, email),
        { ...asked(action, email), ...tooMany },
      ]),
    }),
  ),
  {
    what: 'who registers too often waits',
    // The first of the three was the resident.
    settings: { THROTTLE_REGISTER: '3/hour' },
    particular,
    steps: [
      ...['a', 'b'].map(
        (letter): Asking => ({
          ask: 'POST /users/',
          send: { username: `${letter}<new>`, password: 'correct horse battery staple' },
          status: 201,
          answer: user(anId, `${letter}<new>`, ''),
        }),
      ),
      {
        ask: 'POST /users/',
        send: { username: 'c<new>', password: 'correct horse battery staple' },
        ...tooMany,
      },
    ],
  },
];
