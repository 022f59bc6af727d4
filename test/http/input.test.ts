import { Agent } from 'node:http';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import test from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import {
  type Answer,
  makeUser,
  PASSWORD,
  type RequestOptions,
  serve,
  type TestService,
} from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

/** Counts the characters that JSON.parse gets of bodies until `stop`. Tests of it must run alone. */
function countParsed(): { stop: () => number } {
  const real = JSON.parse;
  let characters = 0;
  JSON.parse = (text, ...reviver) => {
    characters += /^[[{]/.test(text) && text.length > 1_000 ? text.length : 0;
    return real(text, ...reviver);
  };
  return {
    stop: () => {
      JSON.parse = real;
      return characters;
    },
  };
}

let world: World;
let service: TestService;
let token: string;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
  service = await serve(world);
  token = await service.logIn('acme.localhost', 'alice', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const post = (asking: RequestOptions): Promise<Answer> =>
  service.request('acme.localhost', 'POST', '/api/notes/', { token, ...asking });

const refused: ReadonlyArray<readonly [string, unknown, Record<string, string[]>]> = [
  ['a missing name', {}, { name: ['This field is required.'] }],
  ['no body', undefined, { name: ['This field is required.'] }],
  ['a null name', { name: null }, { name: ['This field may not be null.'] }],
  ['a blank name', { name: '' }, { name: ['This field may not be blank.'] }],
  ['a name of whitespace', { name: ' \t\n\u00a0' }, { name: ['This field may not be blank.'] }],
  ['a boolean name', { name: true }, { name: ['Not a valid string.'] }],
  ['an object as the name', { name: { $ne: 1 } }, { name: ['Not a valid string.'] }],
  ['a list as the name', { name: ['a'] }, { name: ['Not a valid string.'] }],
  ['a NUL in the name', { name: 'a\0b' }, { name: ['Null characters are not allowed.'] }],
  [
    'a NUL in the description',
    { name: 'a', description: '\0' },
    { description: ['Null characters are not allowed.'] },
  ],
  [
    'a name of 10,000 characters',
    { name: 'x'.repeat(10_000) },
    { name: ['Ensure this field has no more than 255 characters.'] },
  ],
  [
    'a name of 256 characters',
    { name: 'x'.repeat(256) },
    { name: ['Ensure this field has no more than 255 characters.'] },
  ],
  ['a null description', { name: 'a', description: null }, { description: ['This field may not be null.'] }],
  [
    'two invalid fields',
    { description: {} },
    { name: ['This field is required.'], description: ['Not a valid string.'] },
  ],
  ['a list as the body', [], { non_field_errors: ['Invalid data. Expected a dictionary, but got list.'] }],
  [
    'a string as the body',
    'text',
    { non_field_errors: ['Invalid data. Expected a dictionary, but got str.'] },
  ],
];
for (const [what, body, errors] of refused) {
  test.serial(`rejects a project with ${what}, and writes nothing`, async (t) => {
    const answer = await post({ body });
    t.is(answer.status, 400);
    t.deepEqual(answer.body, errors);
    t.deepEqual(await world.asOwner('select from acme.notes'), []);
  });
}

test('rejects a number, null and a boolean as a body', async (t) => {
  for (const raw of ['5', 'null', 'true']) {
    const { status, body } = await post({ raw });
    t.is(status, 400, raw);
    t.deepEqual(Object.keys(body), ['non_field_errors'], raw);
  }
});

test('trims a name and accepts a number as a name', async (t) => {
  t.is((await post({ body: { name: '  kept a  ' } })).body.name, 'kept a');
  t.is((await post({ body: { name: 42 } })).body.name, '42');
  t.is((await post({ body: { name: 'kept', description: 4.5 } })).body.description, '4.5');
  for (const [number, text] of [
    ['12345678901234567890', '12345678901234567890'],
    ['-9007199254740993', '-9007199254740993'],
    ['1.10', '1.1'],
    ['1.0', '1.0'],
    ['1e22', '1e+22'],
    ['1e2', '100.0'],
    ['0.00001', '1e-05'],
  ]) {
    t.is((await post({ raw: `{"name": "kept", "description": ${number}}` })).body.description, text);
  }
  await world.asOwner(`delete from acme.notes where name = '42'`);
});

test('counts 255 characters as code points, not bytes or UTF-16 units', async (t) => {
  const name = `kept${'😀'.repeat(251)}`;
  const { status, body } = await post({ body: { name } });
  t.deepEqual([status, body.name], [201, name]);
});

test('rejects half a surrogate pair, and stores nothing', async (t) => {
  for (const [half, code] of [
    ['\\ud800', 'D800'],
    ['\\udc00\\ud800', 'DC00'],
    ['\\ud83d', 'D83D'],
  ]) {
    const { status, body } = await post({ raw: `{"name": "kept half ${half}"}` });
    t.is(status, 400);
    t.deepEqual(body, { name: [`Surrogate characters are not allowed: U+${code}.`] });
  }
  t.is((await post({ raw: '{"name": "kept whole \\ud83d\\ude00"}' })).body.name, 'kept whole 😀');
  t.deepEqual(await world.asOwner(`select from acme.notes where name like 'kept half%'`), []);
  t.deepEqual(service.bugs, []);
});

test('ignores members of the prototype', async (t) => {
  for (const raw of [
    '{"__proto__": {"name": "polluted"}}',
    '{"constructor": {"prototype": {"name": "polluted"}}}',
    '{"name": "kept", "__proto__": {"description": "polluted"}}',
  ]) {
    const { status, text } = await post({ raw });
    t.true(status < 500, raw);
    t.notRegex(text, /polluted/);
  }
  t.is(({} as { name?: unknown }).name, undefined);
  t.deepEqual(service.bugs, []);
});

test('rejects invalid JSON with 400 and a detail without internals', async (t) => {
  for (const raw of [
    '{',
    'name=x',
    '{"name": "x",}',
    "{'name': 'x'}",
    '\0',
    '{"name": "a\0b"}',
    'NaN',
    '\uFEFF{',
  ]) {
    const { status, body, text } = await post({ raw });
    t.is(status, 400, raw);
    t.is(typeof body.detail, 'string', raw);
    t.regex(body.detail, /^JSON parse error/);
    t.notRegex(text, /node_modules|\.ts\b/);
  }
});

test('rejects bytes that are not UTF-8', async (t) => {
  for (const bytes of [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe9]]) {
    const raw = Buffer.concat([Buffer.from('{"name": "kept bytes'), Buffer.from(bytes), Buffer.from('"}')]);
    const { status, body } = await post({ raw });
    t.deepEqual([status, body], [400, { detail: 'JSON parse error - the body is not UTF-8' }]);
  }
  t.deepEqual(await world.asOwner(`select from acme.notes where name like 'kept bytes%'`), []);
});

test.serial('rejects more than 100 levels, and parses none of them', async (t) => {
  const nested = (depth: number): string =>
    `{"name": "kept", "x": ${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
  t.is((await post({ raw: nested(100) })).status, 201);
  for (const raw of [
    nested(101),
    nested(100_000),
    '['.repeat(1024 * 1024),
    '{"a":'.repeat(100_000),
    `"${'['.repeat(50)}",${'['.repeat(1_000)}`,
  ]) {
    const parsed = countParsed();
    const { status, body } = await post({ raw });
    t.deepEqual(
      [status, body.detail, parsed.stop()],
      [400, 'JSON parse error - more than 100 levels of lists and objects', 0],
    );
  }
  const brackets = '['.repeat(1_000);
  t.is((await post({ body: { name: 'kept', description: brackets } })).status, 201);
  t.deepEqual(service.bugs, []);
});

for (const coding of [
  'gzip',
  'br',
  'deflate',
  'zstd',
  'x-gzip',
  'compress',
  'identity, br',
  'BR',
  'nonsense',
]) {
  test(`rejects the Content-Encoding ${coding} before a byte is decoded`, async (t) => {
    const plain = JSON.stringify({ name: 'kept' });
    const raw = coding === 'br' ? brotliCompressSync(plain) : coding === 'gzip' ? gzipSync(plain) : plain;
    for (const [path, bearer] of [
      ['/api/notes/', token],
      ['/api/auth/jwt/create/', undefined],
      ['/api/auth/users/', undefined],
    ] as const) {
      const { status, body } = await service.request('acme.localhost', 'POST', path, {
        token: bearer,
        raw,
        headers: { 'Content-Encoding': coding },
      });
      t.is(status, 415, path);
      t.regex(body.detail, /^Unsupported Content-Encoding /);
    }
  });
}

test('accepts the Content-Encoding identity', async (t) => {
  for (const coding of ['identity', 'Identity', '']) {
    const { status } = await post({ body: { name: 'kept' }, headers: { 'Content-Encoding': coding } });
    t.is(status, 201, coding);
  }
});

test('rejects text, XML and bytes without a type with 415', async (t) => {
  for (const type of [
    'text/plain',
    'text/xml',
    'application/octet-stream',
    'application/jsonp',
    'nonsense',
    '',
  ]) {
    const { status, body } = await post({ raw: '{"name": "form"}', headers: { 'Content-Type': type } });
    t.is(status, 415, type);
    t.is(typeof body.detail, 'string');
  }
  t.deepEqual(await world.asOwner(`select from acme.notes where name = 'form'`), []);
});

test('reads JSON with every JSON content type', async (t) => {
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'application/vnd.api+json',
    'application/ld+json',
  ]) {
    const { status } = await post({ body: { name: 'kept typed' }, headers: { 'Content-Type': type } });
    t.is(status, 201, type);
  }
});

test('rejects an Accept header without JSON', async (t) => {
  for (const accept of ['text/html', 'application/xml', 'image/*', 'application/json;q=0']) {
    const answer = await service.request('acme.localhost', 'GET', '/api/notes/', {
      token,
      headers: { Accept: accept },
    });
    t.is(answer.status, 406, accept);
    t.is(typeof answer.body.detail, 'string');
    t.regex(String(answer.headers['content-type']), /^application\/json/);
  }
  for (const accept of ['*/*', 'application/*', 'text/html, application/json;q=0.1', 'application/json']) {
    const answer = await service.request('acme.localhost', 'GET', '/api/notes/', {
      token,
      headers: { Accept: accept },
    });
    t.is(answer.status, 200, accept);
  }
});

const big = JSON.stringify({ name: 'big', description: 'x'.repeat(10 * 1024 * 1024) });

test('rejects a body of 10 MB with 413, and keeps the connection', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const answer = await post({ raw: big, agent });
  t.is(answer.status, 413);
  t.is(typeof answer.body.detail, 'string');
  t.not(answer.headers.connection, 'close');
  const next = await service.request('acme.localhost', 'GET', '/api/notes/', { token, agent });
  t.is(next.status, 200);
  t.deepEqual(await world.asOwner(`select from acme.notes where name = 'big'`), []);
});

test('rejects a chunked body of 10 MB with 413, and serves the next request on the connection', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const chunked = await post({
    raw: big,
    agent,
    headers: { 'Transfer-Encoding': 'chunked' },
  });
  t.is(chunked.status, 413);
  const next = await Promise.race([
    service.request('acme.localhost', 'GET', '/api/notes/', { token, agent }),
    new Promise<null>((give) => setTimeout(give, 60_000, null).unref()),
  ]);
  t.is(next?.status, 200);
});

test('accepts a body of exactly 1 MiB, and rejects one byte more', async (t) => {
  const wrap = (length: number): string => `{"name": 5, "x": "${'x'.repeat(length - 20)}"}`;
  t.is(Buffer.byteLength(wrap(1024 * 1024)), 1024 * 1024);
  t.is((await post({ raw: wrap(1024 * 1024) })).status, 201);
  t.is((await post({ raw: wrap(1024 * 1024 + 1) })).status, 413);
  await world.asOwner(`delete from acme.notes where name = '5'`);
});

test('reports errors of the body only to authenticated clients', async (t) => {
  for (const asking of [
    { raw: '{' },
    { raw: big },
    { raw: 'x', headers: { 'Content-Type': 'text/plain' } },
  ]) {
    const answer = await service.request('acme.localhost', 'POST', '/api/notes/', asking);
    t.is(answer.status, 401);
    t.is(answer.body.code, 'not_authenticated');
  }
});

test('keeps the connection after a rejected request', async (t) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  let connections = 0;
  const creating = agent.createConnection.bind(agent);
  agent.createConnection = (...given) => {
    connections += 1;
    return creating(...given);
  };
  const statuses: number[] = [];
  for (const [host, asking] of [
    ['acme.localhost', { token, raw: '{' }],
    ['acme.localhost', { token, body: { name: null } }],
    ['acme.localhost', { token, raw: 'x', headers: { 'Content-Type': 'text/plain' } }],
    ['acme.localhost', { body: {} }],
    ['acme.localhost', { token: 'nonsense', body: {} }],
    ['not a host', { body: {} }],
    ['nobody.localhost', { body: {} }],
    ['acme.localhost', { token, body: { name: 'kept' } }],
  ] as const) {
    statuses.push((await service.request(host, 'POST', '/api/notes/', { ...asking, agent })).status);
  }
  t.deepEqual(statuses, [400, 400, 415, 401, 401, 400, 404, 201]);
  t.is(connections, 1);
});

test('does not read a body on GET and DELETE', async (t) => {
  const got = await service.request('acme.localhost', 'GET', '/api/notes/', { token, raw: '{' });
  t.is(got.status, 200);
  const deleted = await service.request('acme.localhost', 'DELETE', '/api/notes/999999/', {
    token,
    raw: '{',
  });
  t.is(deleted.status, 404);
});

test('rejects NUL and other invalid bytes in a path or query with 4xx', async (t) => {
  for (const path of [
    '/api/notes/?search=%00',
    '/api/notes/?search=a%00b&page=1',
    '/api/notes/%00/',
    '/%00',
    '/api/%E0%A4%A',
    '/api/notes/..%2f..%2fetc/passwd',
    `/api/notes/?search=${'%C0%80'}`,
  ]) {
    const { status, text } = await service.request('acme.localhost', 'GET', path, { token });
    t.true(status < 500, `${path} ${status}`);
    t.notRegex(text, /at .*\.ts/);
  }
  const searched = await service.request('acme.localhost', 'GET', '/api/notes/?search=%00', { token });
  t.is(searched.status, 400);
  t.deepEqual(service.bugs, []);
});
