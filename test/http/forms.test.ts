import test from 'ava';
import { z } from 'zod';

import { FILE, FormBody } from '../../src/http/body/form-body.ts';
import { parseMultipart, parseUrlEncoded } from '../../src/http/body/parse-form.ts';
import { validate } from '../../src/http/body/validate.ts';
import { boolean } from '../../src/http/fields/boolean.ts';
import { nullable, optional } from '../../src/http/fields/field.ts';
import { json } from '../../src/http/fields/json.ts';
import { integer } from '../../src/http/fields/number.ts';
import { text } from '../../src/http/fields/text.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

const HOST = 'acme.localhost';
const BOUNDARY = 'xxboundaryxx';

let world: World;
let service: TestService;
let token: string;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
  service = await serve(world);
  token = await service.logIn(HOST, 'alice', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const post = (body: string, type: string, path = '/api/notes/') =>
  service.request(HOST, 'POST', path, { token, raw: body, headers: { 'Content-Type': type } });

const part = (name: string, value: string, more = '') =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const multipart = (parts: string) =>
  post(`${parts}--${BOUNDARY}--\r\n`, `multipart/form-data; boundary=${BOUNDARY}`);
const urlencoded = (body: string) => post(body, 'application/x-www-form-urlencoded');

test('accepts both kinds of forms, with trimmed values', async (t) => {
  const forms = [
    await urlencoded('name=%20a+note%20&description=b%26c'),
    await multipart(part('name', ' a note ') + part('description', 'b&c')),
  ];
  for (const { status, body } of forms) {
    t.deepEqual([status, body.name, body.description], [201, 'a note', 'b&c']);
  }
  // The last value of a repeated field, as in Django.
  t.is((await urlencoded('name=first&name=last')).body.name, 'last');
  t.is((await multipart(part('name', 'first') + part('name', 'last'))).body.name, 'last');
});

test('logs a user in with a form', async (t) => {
  const body = new URLSearchParams({ username: 'alice', password: PASSWORD }).toString();
  const answer = await post(body, 'application/x-www-form-urlencoded', '/api/auth/jwt/create/');
  t.deepEqual([answer.status, Object.keys(answer.body)], [200, ['refresh', 'access']]);
});

test('reports faults of a form on its fields', async (t) => {
  const required = { name: ['This field is required.'] };
  t.deepEqual((await urlencoded('description=x')).body, required);
  t.deepEqual((await urlencoded('name=')).body, { name: ['This field may not be blank.'] });
  t.deepEqual((await multipart(part('other', 'x'))).body, required);
  t.deepEqual((await multipart(part('name', 'x', '; filename="x.txt"'))).body, {
    name: ['Not a valid string.'],
  });
  t.deepEqual((await multipart(part('__proto__', 'x') + part('constructor', 'y'))).body, required);
});

test('rejects malformed and oversized forms with 400, and 413', async (t) => {
  const many = Array.from({ length: 1_001 }, (_, index) => `f${index}=1`).join('&');
  const parts = Array.from({ length: 1_001 }, (_, index) => part(`f${index}`, '1')).join('');
  const headers = Array.from({ length: 100 }, (_, index) => `X-${index}: y\r\n`).join('');
  for (const [what, answer] of [
    ['too many fields', urlencoded(many)],
    ['too many parts', multipart(parts)],
    ['no boundary', post('x', 'multipart/form-data')],
    ['an empty boundary', post('x', 'multipart/form-data; boundary=')],
    ['no end', post(part('name', 'x'), `multipart/form-data; boundary=${BOUNDARY}`)],
    ['another boundary', post(part('name', 'x'), 'multipart/form-data; boundary=other')],
    ['a part without its end', post(`--${BOUNDARY}\r\n`, `multipart/form-data; boundary=${BOUNDARY}`)],
    ['a long name', multipart(part('n'.repeat(300), 'x'))],
  ] as const) {
    const { status, body } = await answer;
    t.is(status, 400, what);
    // A form without parts is read as one without fields.
    t.regex(body.detail ?? `${body.name}`, /^(?:Form parse error - |This field is required\.$)/, what);
  }
  // Header lines above the limit are ignored.
  t.is((await multipart(`--${BOUNDARY}\r\n${headers}\r\nx\r\n${part('name', 'x')}`)).status, 201);
  t.is((await urlencoded(`name=${'x'.repeat(1024 * 1024)}`)).status, 413);
  t.deepEqual(service.bugs, []);
});

test('a multipart body sent with a key, which is checked later, has at most 64 KiB', async (t) => {
  const { body } = await service.request(HOST, 'POST', '/api/auth/token/login/', {
    body: { username: 'alice', password: PASSWORD },
  });
  const send = (key: string, size: number) =>
    service.request(HOST, 'POST', '/api/notes/', {
      raw: `${part('name', 'by key')}${part('description', 'x'.repeat(size))}--${BOUNDARY}--\r\n`,
      headers: {
        Authorization: `Token ${key}`,
        'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
      },
    });
  t.is((await send(body.auth_token, 60_000)).status, 201);
  const rejected = await send(body.auth_token, 70_000);
  t.deepEqual([rejected.status, rejected.body.detail], [413, 'The request body is larger than 64 KiB.']);
  // An unknown key is reported first.
  t.is((await send('unknown', 70_000)).status, 401);
  // A token is verified before the body is read.
  t.is((await multipart(part('name', 'by token') + part('description', 'x'.repeat(70_000)))).status, 201);
});

test('parts with many or large headers use little time and no field', async (t) => {
  const header = `X-Long: ${'y'.repeat(200_000)}\r\n`;
  const name = `name="${'a'.repeat(100)}[__proto__][b]"`;
  for (const parts of [
    `--${BOUNDARY}\r\n${header}\r\nx\r\n${part('name', 'x')}`,
    `--${BOUNDARY}\r\nContent-Disposition: form-data; ${`${name}; `.repeat(1_000)}\r\n\r\nx\r\n${part('name', 'x')}`,
    `${part('name[__proto__][isAdmin]', 'true')}${part('name', 'x')}`,
  ]) {
    const { status, body } = await multipart(parts);
    t.is(status, 201);
    t.deepEqual(Object.keys(body), ['id', 'name', 'description']);
  }
  t.is(({} as { isAdmin?: unknown }).isAdmin, undefined);
});

const form = (fields: Readonly<Record<string, unknown>>) => new FormBody(new Map(Object.entries(fields)));

test('reads empty and missing fields as Django REST Framework does', (t) => {
  const schema = z.object({
    title: text(),
    note: optional(text({ blank: true })),
    count: optional(integer()),
    parent: nullable(integer()),
    done: boolean(),
    data: json(),
  });
  t.deepEqual(validate(schema, form({ title: 'x', note: '', count: '', parent: '', data: '{"a": [1]}' })), {
    title: 'x',
    note: '',
    parent: null,
    done: false,
    data: { a: [1] },
  });
  t.deepEqual(validate(schema, form({ title: 'x', count: ' 7 ', parent: '8', done: 'on', data: '"text"' })), {
    title: 'x',
    count: 7,
    parent: 8,
    done: true,
    data: 'text',
  });
  t.throws(() => validate(schema, form({ title: FILE, parent: '', data: '{' })), {
    message: /title: Not a valid string\..*data: Value must be valid JSON\./,
  });
});

test('ignores form members that are not fields', async (t) => {
  const { fields } = await parseMultipart(
    `multipart/form-data; boundary=${BOUNDARY}`,
    Buffer.from(`${part('__proto__', 'x')}--${BOUNDARY}--`),
  );
  t.deepEqual([...fields], [['__proto__', 'x']]);
  t.deepEqual(
    validate(z.object({ isAdmin: text().optional() }), parseUrlEncoded('__proto__[isAdmin]=1')),
    {},
  );
  t.is(({} as { isAdmin?: unknown }).isAdmin, undefined);
});
