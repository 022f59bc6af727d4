import type { Case, RequestStep } from './case.ts';
import { anonymous, badToken } from './responses.ts';
import { allows, type Rule } from './shape.ts';

const PARSES = ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'];

type Field = readonly [type: string, required: boolean, readOnly: boolean];

/** A text that may be empty. */
const words: Rule = (value) => (typeof value === 'string' ? null : 'is no text');

/** The attributes of fields that clients rely on. Others, such as lengths and help texts, depend on the model. */
const described =
  (fields: Readonly<Record<string, Field>>): Rule =>
  (value) => {
    const given = Object.entries(
      (value ?? {}) as Readonly<Record<string, Readonly<Record<string, unknown>>>>,
    );
    const found = given.map(([name, { type, required, read_only: readOnly, label }]) =>
      typeof label === 'string' ? [name, [type, required, readOnly]] : [name, 'without a label'],
    );
    const [left, right] = [JSON.stringify(found), JSON.stringify(Object.entries(fields))];
    return left === right ? null : `describes ${left}, not ${right}`;
  };

const describes = (
  path: string,
  name: string,
  methods: readonly string[],
  actions?: Readonly<Record<string, Readonly<Record<string, Field>>>>,
): RequestStep => ({
  endpoint: `OPTIONS ${path}`,
  status: 200,
  responseBody: {
    name,
    description: words,
    renders: ['application/json'],
    parses: PARSES,
    ...(actions
      ? {
          actions: Object.fromEntries(
            Object.entries(actions).map(([method, fields]) => [method, described(fields)]),
          ),
        }
      : {}),
  },
  responseHeaders: { allow: allows(...methods) },
});

const USER: Readonly<Record<string, Field>> = {
  email: ['email', false, false],
  id: ['integer', false, true],
  username: ['string', false, true],
};

export const metadata: readonly Case[] = [
  {
    title: 'OPTIONS describes users and tokens',
    caller: 'resident',
    steps: [
      describes('/users/', 'User List', ['GET', 'POST'], { POST: USER }),
      describes('/users/<id>/', 'User Instance', ['GET', 'PUT', 'PATCH', 'DELETE'], { PUT: USER }),
      describes('/token/logout/', 'Token Destroy', ['POST']),
      { endpoint: 'OPTIONS /users/', bearer: null, ...anonymous },
      { endpoint: 'OPTIONS /users/', bearer: 'nonsense', ...badToken('Token is invalid') },
    ],
  },
  {
    title: 'OPTIONS describes the paths of tokens without credentials',
    steps: [
      describes('/jwt/create/', 'Token Obtain Pair', ['POST'], {
        POST: { username: ['string', true, false], password: ['string', true, false] },
      }),
      describes('/jwt/refresh/', 'Token Refresh', ['POST'], {
        POST: { refresh: ['string', true, false], access: ['string', false, true] },
      }),
      describes('/jwt/verify/', 'Token Verify', ['POST'], { POST: { token: ['string', true, false] } }),
    ],
  },
];
