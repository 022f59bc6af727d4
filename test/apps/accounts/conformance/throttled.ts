import type { Case, RequestStep } from './case.ts';
import { invalid, logIn, noActiveAccount, noContent, user } from './responses.ts';
import { anId, aText, matching } from './shape.ts';

const difference = 'Djoser and SimpleJWT count nothing';

const tooMany: Pick<RequestStep, 'status' | 'responseBody' | 'responseHeaders'> = {
  status: 429,
  responseBody: { detail: aText },
  responseHeaders: { 'retry-after': matching(/^[1-9]\d*$/) },
};
const failed = (login: string): RequestStep => ({
  endpoint: 'POST /jwt/create/',
  bearer: null,
  send: { username: login, password: 'wrong' },
  ...noActiveAccount,
});
const asked = (action: string, email: string): RequestStep => ({
  endpoint: `POST /users/${action}/`,
  bearer: null,
  send: { email },
  ...noContent,
});

export const throttled: readonly Case[] = [
  {
    title:
      'throttles a login name after failed logins, at both login paths and also with the right password, but no other user',
    settings: { THROTTLE_LOGIN: '3/hour' },
    difference,
    caller: 'newcomer',
    steps: [
      failed('<name>'),
      failed('<NAME>'),
      {
        endpoint: 'POST /token/login/',
        bearer: null,
        send: { username: '<name>', password: 'wrong' },
        ...invalid({ non_field_errors: 'Unable to log in with provided credentials.' }),
      },
      { ...failed('<name>'), ...tooMany },
      { ...logIn('<name>', '<password>'), ...tooMany },
      {
        endpoint: 'POST /users/set_password/',
        send: { current_password: '<password>', new_password: 'a rather different horse staple' },
        ...tooMany,
      },
      failed('nobody.<new>'),
      logIn('<resident.name>', '<resident.password>'),
    ],
  },
  {
    title: 'a successful login resets the count of failed ones',
    settings: { THROTTLE_LOGIN: '3/hour' },
    difference,
    caller: 'newcomer',
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
      title: `throttles mails of ${action}, for known and unknown users alike`,
      settings: { THROTTLE_RESET: '2/hour' },
      difference,
      caller: 'newcomer',
      steps: ['<email>', 'nobody.<new>@example.com'].flatMap((email) => [
        asked(action, email),
        asked(action, email),
        { ...asked(action, email), ...tooMany },
      ]),
    }),
  ),
  {
    title: 'throttles registrations',
    // The resident's registration was the first of three.
    settings: { THROTTLE_REGISTER: '3/hour' },
    difference,
    steps: [
      ...['a', 'b'].map(
        (letter): RequestStep => ({
          endpoint: 'POST /users/',
          send: { username: `${letter}<new>`, password: 'correct horse battery staple' },
          status: 201,
          responseBody: user(anId, `${letter}<new>`, ''),
        }),
      ),
      {
        endpoint: 'POST /users/',
        send: { username: 'c<new>', password: 'correct horse battery staple' },
        ...tooMany,
      },
    ],
  },
];
