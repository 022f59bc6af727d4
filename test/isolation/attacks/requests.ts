import type { Attack, Category } from './attack.ts';
import { exportsAndConditions } from './exports-and-conditions.ts';
import { HERE, LIST, ROWS_AND_GUARD, responseOf, theirId, web } from './http.ts';
import { injections } from './injections.ts';
import { responses } from './responses.ts';

const byId = ['GET', 'PUT', 'PATCH', 'DELETE', 'HEAD'].map((method) =>
  web(
    `id-${method.toLowerCase()}`,
    `${method} does not distinguish another tenant's row from a missing one`,
    ROWS_AND_GUARD,
    (fixture, token) =>
      responseOf(fixture, HERE, method, `${LIST}${theirId(fixture)}/`, {
        token,
        ...(method.startsWith('P') ? { body: { name: 'changed' } } : {}),
      }),
    'bit',
  ),
);

const BODIES: ReadonlyArray<readonly [id: string, body: (id: number, tenant: string) => unknown]> = [
  ['body', (id, tenant) => ({ id, name: 'own', tenant, tenant_id: tenant, schema: 'globex' })],
  ['nested', (id, tenant) => ({ name: 'own', project: { id, tenant: { id: tenant, schema: 'globex' } } })],
  ['array', (id) => [{ id, name: 'own' }]],
  [
    'prototype',
    (id, tenant) => JSON.parse(`{"name": "own", "__proto__": {"tenant": "${tenant}", "id": ${id}}}`),
  ],
];

const users: readonly Attack[] = [
  web(
    'id-user',
    "the response does not distinguish another tenant's user id from an unused one",
    ROWS_AND_GUARD,
    (fixture, token) => responseOf(fixture, HERE, 'GET', `/api/auth/users/${theirId(fixture)}/`, { token }),
    'bit',
  ),
  web(
    'id-session',
    "another's session and a missing session get the same response",
    ROWS_AND_GUARD,
    (fixture, token) =>
      responseOf(fixture, HERE, 'DELETE', `/api/auth/sessions/${theirId(fixture)}/`, { token }),
    'bit',
  ),
  web(
    'id-search',
    "a search does not reveal another's rows",
    ROWS_AND_GUARD,
    (fixture, token) =>
      responseOf(fixture, HERE, 'GET', `${LIST}?search=nine&id=${theirId(fixture)}`, { token }),
    'bit',
  ),
  web(
    'id-log-in',
    "a login does not reveal another's users",
    ROWS_AND_GUARD,
    (fixture) =>
      responseOf(fixture, HERE, 'POST', '/api/auth/jwt/create/', {
        body: { username: fixture.guess.name, password: 'wrong one' },
      }),
    'bit',
  ),
  web(
    'id-reset',
    "a mail request does not reveal another's users",
    ROWS_AND_GUARD,
    (fixture) =>
      responseOf(fixture, HERE, 'POST', '/api/auth/users/reset_password/', {
        body: { email: `${fixture.guess.name}@example.com` },
      }),
    'bit',
  ),
];

const bodies = BODIES.map(([id, body]) =>
  web(
    `id-in-${id}`,
    `a tenant that is named in a ${id === 'body' ? 'body' : `body (${id})`} is ignored`,
    ['host'],
    async (fixture, token) => {
      const answer = await responseOf(fixture, HERE, 'POST', LIST, {
        token,
        body: body(theirId(fixture), fixture.world.globex.id),
      });
      await fixture.world.asOwner(`delete from acme.attack_notes where name = 'own'`);
      return answer;
    },
    'change',
  ),
);

const BOUNDARY = 'boundary';
const part = (name: string, value: string) =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

const FORMS: ReadonlyArray<
  readonly [id: string, type: string, form: (fields: Readonly<Record<string, string>>) => string]
> = [
  ['urlencoded', 'application/x-www-form-urlencoded', (fields) => new URLSearchParams(fields).toString()],
  [
    'multipart',
    `multipart/form-data; boundary=${BOUNDARY}`,
    (fields) =>
      `${Object.entries(fields)
        .map(([name, value]) => part(name, value))
        .join('')}--${BOUNDARY}--\r\n`,
  ],
];

const forms = FORMS.map(([id, type, form]) =>
  web(
    `form-${id}`,
    `a tenant that a form (${id}) names is not entered`,
    ['host'],
    async (fixture, token) => {
      const tenant = fixture.world.globex.id;
      const id = String(theirId(fixture));
      const answer = await responseOf(fixture, HERE, 'POST', LIST, {
        token,
        raw: form({
          name: 'own',
          id,
          tenant,
          tenant_id: tenant,
          schema: 'globex',
          '__proto__[tenant]': tenant,
          'constructor[prototype][tenant]': tenant,
          Host: 'globex.localhost',
        }),
        headers: { 'Content-Type': type },
      });
      await fixture.world.asOwner(`delete from acme.attack_notes where name = 'own'`);
      return answer;
    },
    'change',
  ),
);

const ORIGINS: ReadonlyArray<readonly [id: string, origin: string]> = [
  ['other', 'https://evil.example'],
  ['null', 'null'],
  ['suffix', 'http://acme.localhost.evil.example'],
  ['tenant', 'http://globex.localhost'],
];

/** A page of another origin must not read a response, with a token or without, by a preflight request or without. */
const origins = ORIGINS.map(([id, origin]) =>
  web(
    `origin-${id}`,
    `a page of ${origin} reads no response`,
    ['host'],
    async (fixture, token) => {
      const headers = { Origin: origin, 'Access-Control-Request-Method': 'GET' };
      const answers = await Promise.all([
        responseOf(fixture, HERE, 'OPTIONS', LIST, { headers }),
        responseOf(fixture, HERE, 'GET', `${LIST}${theirId(fixture)}/`, { token, headers }),
      ]);
      return answers.map((answer) =>
        Object.entries((answer as { headers: object }).headers).filter(([name]) =>
          name.startsWith('access-control-'),
        ),
      );
    },
    'bit',
  ),
);

export const requests: Category = {
  title: 'Content of requests and responses',
  attacks: [
    ...byId,
    ...users,
    ...bodies,
    ...forms,
    ...origins,
    ...injections,
    ...responses,
    ...exportsAndConditions,
  ],
};
