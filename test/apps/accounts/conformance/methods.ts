import type { Case, RequestStep } from './case.ts';
import { anonymous, badToken, invalid, notFound, unauthorized } from './responses.ts';
import { allows } from './shape.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof METHODS)[number];

const POST = ['POST'] as const;
const PROFILE = ['GET', 'PUT', 'PATCH', 'DELETE'] as const;

/** Path, its methods, whether it requires a user, and whether only koa-tenants has it. */
const paths: ReadonlyArray<readonly [string, readonly Method[], 'open' | 'users', 'ours'?]> = [
  ['/users/', ['GET', 'POST'], 'users'],
  ['/users/me/', PROFILE, 'users'],
  ['/users/<id>/', PROFILE, 'users'],
  ['/users/activation/', POST, 'open'],
  ['/users/resend_activation/', POST, 'open'],
  ['/users/set_password/', POST, 'users'],
  ['/users/reset_password/', POST, 'open'],
  ['/users/reset_password_confirm/', POST, 'open'],
  ['/users/set_username/', POST, 'users'],
  ['/users/reset_username/', POST, 'open'],
  ['/users/reset_username_confirm/', POST, 'open'],
  ['/token/login/', POST, 'open'],
  ['/token/logout/', POST, 'users'],
  ['/jwt/create/', POST, 'open'],
  ['/jwt/refresh/', POST, 'open'],
  ['/jwt/verify/', POST, 'open'],
  ['/jwt/logout/', POST, 'open'],
  ['/jwt/logout_all/', POST, 'open', 'ours'],
  ['/sessions/', ['GET'], 'users', 'ours'],
  ['/sessions/1/', ['DELETE'], 'users', 'ours'],
];

const refused = (method: Method, allowed: readonly Method[]) => ({
  status: 405,
  responseBody: { detail: `Method "${method}" not allowed.` },
  responseHeaders: { allow: allows(...allowed) },
});

/** The errors for an empty body, where they identify the path. */
const empty: Readonly<Record<string, Omit<RequestStep, 'endpoint'>>> = {
  '/users/': invalid({ username: 'This field is required.', password: 'This field is required.' }),
  '/users/activation/': invalid({ uid: 'This field is required.', token: 'This field is required.' }),
  '/users/set_password/': invalid({
    new_password: 'This field is required.',
    current_password: 'This field is required.',
  }),
  '/users/reset_password/': invalid({ email: 'This field is required.' }),
  '/users/resend_activation/': invalid({ email: 'This field is required.' }),
  '/users/reset_password_confirm/': invalid({
    uid: 'This field is required.',
    token: 'This field is required.',
    new_password: 'This field is required.',
  }),
  '/users/set_username/': invalid({
    new_username: 'This field is required.',
    current_password: 'This field is required.',
  }),
  '/users/reset_username/': invalid({ email: 'This field is required.' }),
  '/users/reset_username_confirm/': invalid({
    uid: 'This field is required.',
    token: 'This field is required.',
    new_username: 'This field is required.',
  }),
  '/token/login/': invalid({ username: 'This field is required.', password: 'This field is required.' }),
  '/jwt/create/': invalid({ username: 'This field is required.', password: 'This field is required.' }),
  '/jwt/refresh/': invalid({ refresh: 'This field is required.' }),
  '/jwt/verify/': invalid({ token: 'This field is required.' }),
  '/jwt/logout/': invalid({ refresh: 'This field is required.' }),
  '/jwt/logout_all/': invalid({ refresh: 'This field is required.' }),
};

export const methods: readonly Case[] = [
  ...paths.map(
    ([path, allowed, access, isOurs]): Case => ({
      title: `${path} has ${allowed.join(', ')} as its only methods`,
      ...(isOurs ? { difference: 'Djoser and SimpleJWT have no such path' } : {}),
      caller: 'resident',
      steps: METHODS.filter((method) => !allowed.includes(method)).flatMap((method): RequestStep[] => [
        { endpoint: `${method} ${path}`, ...refused(method, allowed) },
        {
          endpoint: `${method} ${path}`,
          bearer: null,
          // Djoser opens the paths of a user to POST only.
          ...(access === 'open' && !path.startsWith('/users/') ? refused(method, allowed) : anonymous),
        },
      ]),
    }),
  ),
  ...Object.entries(empty).map(
    ([path, expected]): Case => ({
      title: `POST ${path} is the same without the trailing slash`,
      // SimpleJWT's own paths have an optional slash.
      ...(/^\/jwt\/(?:create|refresh|verify)\//.test(path) ? {} : { difference: 'Django redirects' }),
      caller: 'resident',
      steps: [
        { endpoint: `POST ${path}`, send: {}, ...expected },
        { endpoint: `POST ${path.replace(/\/$/, '')}`, send: {}, ...expected },
      ],
    }),
  ),
  {
    title: 'GET and DELETE are the same without the trailing slash',
    difference: 'Django redirects',
    caller: 'newcomer',
    steps: [
      ...['/users/me', '/users/<id>'].flatMap((path) => [
        {
          endpoint: `GET ${path}`,
          status: 200,
          responseBody: { id: '<id>', username: '<name>', email: '<email>' },
        },
        {
          endpoint: `PATCH ${path}`,
          send: { email: 'ann' },
          ...invalid({ email: 'Enter a valid email address.' }),
        },
        { endpoint: `DELETE ${path}`, send: {}, ...invalid({ current_password: 'This field is required.' }) },
      ]),
      {
        endpoint: 'GET /users',
        status: 200,
        responseBody: [{ id: '<id>', username: '<name>', email: '<email>' }],
      },
      { endpoint: 'DELETE /sessions/0', ...notFound },
      { endpoint: 'POST /token/logout', status: 204 },
    ],
  },
  ...paths
    .filter(([, , access]) => access === 'users')
    .map(
      ([path, allowed, , isOurs]): Case => ({
        title: `${path} requires a valid token`,
        ...(isOurs ? { difference: 'Djoser and SimpleJWT have no such path' } : {}),
        caller: 'resident',
        steps: allowed
          .filter((method) => path !== '/users/' || method === 'GET')
          .flatMap((method): RequestStep[] => [
            { endpoint: `${method} ${path}`, bearer: null, ...anonymous },
            { endpoint: `${method} ${path}`, bearer: 'nonsense', ...badToken('Token is invalid') },
            { endpoint: `${method} ${path}`, bearer: '<refresh>', ...badToken('Token has wrong type') },
            {
              endpoint: `${method} ${path}`,
              bearer: null,
              headers: { Authorization: 'Bearer' },
              ...unauthorized(
                'bad_authorization_header',
                'Authorization header must contain two space-delimited values',
              ),
            },
          ]),
      }),
    ),
  ...paths
    .filter(([path, , access]) => (access === 'open' && !path.startsWith('/jwt/')) || path === '/users/')
    .map(
      ([path, , , isOurs]): Case => ({
        title: `POST ${path} requires no token, but rejects an invalid one`,
        ...(isOurs ? { difference: 'Djoser and SimpleJWT have no such path' } : {}),
        steps: [{ endpoint: `POST ${path}`, send: {}, bearer: 'nonsense', ...badToken('Token is invalid') }],
      }),
    ),
  {
    title: 'returns 404 for an unknown path',
    difference: 'Django returns 404 with a page of HTML',
    caller: 'resident',
    steps: [
      { endpoint: 'GET /users/<id>/nothing/', ...notFound },
      { endpoint: 'POST /jwt/', ...notFound },
      { endpoint: 'POST /jwt/nothing/', ...notFound },
    ],
  },
];
