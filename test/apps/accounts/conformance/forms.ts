import type { Case, RequestStep } from './case.ts';
import { invalid, noContent, user } from './responses.ts';
import { anId, aText } from './shape.ts';

const PASSWORD = 'correct%20horse+battery+staple';
const BOUNDARY = 'xxboundaryxx';

const urlencoded = (endpoint: string, raw: string): Pick<RequestStep, 'endpoint' | 'raw' | 'headers'> => ({
  endpoint,
  raw,
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
});

const multipart = (
  endpoint: string,
  fields: Readonly<Record<string, string>>,
): Pick<RequestStep, 'endpoint' | 'raw' | 'headers'> => ({
  endpoint,
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
    title: 'accepts both types of forms for registration and login',
    steps: [
      {
        ...urlencoded('POST /users/', `username=<new>&email=&password=${PASSWORD}`),
        status: 201,
        responseBody: user(anId, '<new>', ''),
      },
      {
        ...multipart('POST /users/', { username: '<new>b', password: ' correct horse battery staple ' }),
        status: 201,
        responseBody: user(anId, '<new>b', ''),
      },
      {
        ...urlencoded('POST /jwt/create/', `username=<new>&password=${PASSWORD}`),
        status: 200,
        responseBody: { access: aText, refresh: aText },
      },
      {
        ...multipart('POST /jwt/create/', { username: '<new>b', password: 'correct horse battery staple' }),
        status: 200,
        responseBody: { access: aText, refresh: aText },
      },
    ],
  },
  {
    title: 'reports errors of a form on its fields',
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
    title: 'accepts forms for changes of the address and the password',
    caller: 'newcomer',
    steps: [
      {
        ...urlencoded('PATCH /users/me/', 'email=<new>%40example.com'),
        status: 200,
        responseBody: user('<id>', '<name>', '<new>@example.com'),
      },
      { ...urlencoded('PATCH /users/me/', 'email='), status: 200, responseBody: user('<id>', '<name>', '') },
      {
        ...multipart('POST /users/set_password/', {
          current_password: '<password>',
          new_password: 'a rather different horse staple',
        }),
        ...noContent,
      },
    ],
  },
];
