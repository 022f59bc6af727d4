import { emptied, invalid, user } from './answers.ts';
import type { Asking, Case } from './case.ts';
import { anId, aText } from './shape.ts';

const PASSWORD = 'correct%20horse+battery+staple';
const BOUNDARY = 'xxboundaryxx';

const urlencoded = (ask: string, raw: string): Pick<Asking, 'ask' | 'raw' | 'headers'> => ({
  ask,
  raw,
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
});

const multipart = (
  ask: string,
  fields: Readonly<Record<string, string>>,
): Pick<Asking, 'ask' | 'raw' | 'headers'> => ({
  ask,
  raw: `${Object.entries(fields)
    .map(
      ([name, value]) =>
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    )
    .join('')}--${BOUNDARY}--\r\n`,
  headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
});

const REQUIRED = invalid({ username: 'This field is required.', password: 'This field is required.' });

export const forms: readonly Case[] = [
  {
    what: 'a form registers a user and logs in, of either kind',
    steps: [
      {
        ...urlencoded('POST /users/', `username=<new>&email=&password=${PASSWORD}`),
        status: 201,
        answer: user(anId, '<new>', ''),
      },
      {
        ...multipart('POST /users/', { username: '<new>b', password: ' correct horse battery staple ' }),
        status: 201,
        answer: user(anId, '<new>b', ''),
      },
      {
        ...urlencoded('POST /jwt/create/', `username=<new>&password=${PASSWORD}`),
        status: 200,
        answer: { access: aText, refresh: aText },
      },
      {
        ...multipart('POST /jwt/create/', { username: '<new>b', password: 'correct horse battery staple' }),
        status: 200,
        answer: { access: aText, refresh: aText },
      },
    ],
  },
  {
    what: 'faults of a form are told on its fields',
    steps: [
      { ...urlencoded('POST /users/', 'email='), ...REQUIRED },
      { ...multipart('POST /users/', { email: '' }), ...REQUIRED },
      {
        ...urlencoded('POST /users/', 'username=&password='),
        ...invalid({ username: 'This field may not be blank.', password: 'This field may not be blank.' }),
      },
      {
        ...urlencoded('POST /users/', 'username=a&username=a+b&password=x'),
        ...invalid({
          username:
            'Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.',
        }),
      },
    ],
  },
  {
    what: 'a form changes an address and a password',
    who: 'newcomer',
    steps: [
      {
        ...urlencoded('PATCH /users/me/', 'email=<new>%40example.com'),
        status: 200,
        answer: user('<id>', '<name>', '<new>@example.com'),
      },
      { ...urlencoded('PATCH /users/me/', 'email='), status: 200, answer: user('<id>', '<name>', '') },
      {
        ...multipart('POST /users/set_password/', {
          current_password: '<password>',
          new_password: 'a rather different horse staple',
        }),
        ...emptied,
      },
    ],
  },
];
