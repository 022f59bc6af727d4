import test, { type ExecutionContext } from 'ava';
import type pg from 'pg';
import { me, openBlockingConnection, openPair, waitUntilBlocked } from '../../helpers/attacker.ts';
import fc from '../../helpers/fast-check.ts';
import { type Answer, makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const ACME = 'acme.localhost';
const TAKEN = {
  username: ['A user with that username already exists.'],
  email: ['A user with that email already exists.'],
};

let world: World;
let service: TestService;
let lockHolder: pg.Client;
test.before(async () => {
  world = await openWorld({ project });
  service = await serve(world);
  lockHolder = await openBlockingConnection(world);
});
test.after.always(async () => {
  await service?.close();
  await lockHolder?.end();
  await world?.close();
});

const register = (body: object): Promise<Answer> =>
  service.request(ACME, 'POST', '/api/auth/users/', { body: { password: PASSWORD, ...body } });

async function assertRejected(t: ExecutionContext, body: object, field: string): Promise<void> {
  const answer = await register(body);
  t.deepEqual([answer.status, Object.keys(answer.body)], [400, [field]], JSON.stringify(body).slice(0, 200));
}

for (const [field, one, two] of [
  [
    'username',
    { username: 'twin', email: 'twin1@example.com' },
    { username: 'TWIN', email: 'twin2@example.com' },
  ],
  [
    'email',
    { username: 'same1', email: 'same@example.com' },
    { username: 'same2', email: 'SAME@Example.com' },
  ],
] as const) {
  test(`of two concurrent registrations with the same ${field}, one is rejected as taken`, async (t) => {
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all([register(one), register(two)]);
      t.deepEqual(answers.map(({ status }) => status).sort(), [201, 400]);
      for (const { status, body } of answers) {
        if (status === 400) {
          t.deepEqual(body[field], TAKEN[field]);
        }
      }
      await world.asOwner(`delete from acme.users where lower(${field}) = lower($1)`, [one[field]]);
    }
    t.deepEqual(service.bugs, []);
  });

  test.serial(
    `a registration that waits for another one with the same ${field} is rejected as taken, without an internal error`,
    async (t) => {
      await lockHolder.query('begin');
      await lockHolder.query(`insert into acme.users (username, email, password) values ($1, $2, '!')`, [
        one.username,
        one.email,
      ]);
      const asking = register(two);
      await waitUntilBlocked(world, 1, asking);
      await lockHolder.query('commit');
      const { status, body } = await asking;
      t.deepEqual([status, body], [400, { [field]: TAKEN[field] }]);
      await world.asOwner(`delete from acme.users where username = $1`, [one.username]);
    },
  );
}

test.serial('a concurrent username change keeps a changed address', async (t) => {
  const { id, username } = await makeUser(world, 'acme', 'both-at-once');
  const { access } = await openPair(service, ACME, username);
  await lockHolder.query('begin');
  await lockHolder.query(`update acme.users set email = 'newer@example.com' where id = $1`, [id]);
  const asking = service.request(ACME, 'POST', '/api/auth/users/set_username/', {
    token: access,
    body: { current_password: PASSWORD, new_username: 'both-changed' },
  });
  await waitUntilBlocked(world, 1, asking);
  await lockHolder.query('commit');
  t.is((await asking).status, 204);
  t.like((await me(service, ACME, access)).body, { username: 'both-changed', email: 'newer@example.com' });
});

test('names that look alike are the same name or rejected', async (t) => {
  t.is((await register({ username: 'ann' })).status, 201);
  for (const username of ['Ann', 'ANN', '\uff41\uff4e\uff4e', '\uff21nn', '\u24d0nn', 'an\u207f', ' ann ']) {
    const { status, body } = await register({ username });
    t.deepEqual([status, body], [400, { username: TAKEN.username }], username);
  }
  for (const username of [
    '\u0430nn', // Cyrillic а
    'a\u0578n', // Armenian vo
    '\u0251nn\u03b1', // Greek alpha
    'a\u200bnn', // zero width space
    'a\u200dnn',
    'ann\u202e', // right-to-left override
    'a\u00adnn', // soft hyphen
    'ann\ufe0f',
    'a\u0301\u0301nn', // a mark that no letter takes up
    'ann\u0000',
    'an n',
    'ann\n',
    'ann<script>',
    "ann'--",
    '\ud800ann',
    '\u{1d400}\u0430', // bold A and Cyrillic а
  ].filter((name) => name.trim() !== 'ann')) {
    await assertRejected(t, { username }, 'username');
  }
  // Names are stored in composed form, so that each has one form.
  t.is((await register({ username: 'Rene\u0301' })).body.username, 'Ren\u00e9');
  await assertRejected(t, { username: 'ren\u00e9' }, 'username');
  await assertRejected(t, { username: 'REN\u00c9' }, 'username');
  // Names of any script are accepted.
  for (const username of [
    '\u0430\u043d\u043d\u0430',
    '\u5c71\u7530\u30bf\u30ed',
    '\u05d7\u05e0\u05d4',
    '\u0627\u0646',
  ]) {
    t.is((await register({ username })).status, 201, username);
  }
});

test('accepts the addresses that Django accepts, and sends mail to them', async (t) => {
  for (const [at, [sent, kept]] of [
    ['user@b\u00fccher.example', 'user@b\u00fccher.example'],
    ['User@B\u00dcCHER.Example', 'User@b\u00fccher.example'],
    ['a@localhost', 'a@localhost'],
    ['"two\\ words"@example.com', '"two\\ words"@example.com'],
    ['"a@b"@example.com', '"a@b"@example.com'],
    ['ip@[127.0.0.1]', 'ip@[127.0.0.1]'],
  ].entries()) {
    const { status, body } = await register({ username: `address${at}`, email: sent });
    t.deepEqual([status, body.email], at === 1 ? [400, TAKEN.email] : [201, kept], sent);
  }
});

test('accepts digits and numbers of every script in a username, as Django does', async (t) => {
  for (const username of [
    '\u0967\u0968\u0969',
    '\u0661\u0662\u0663',
    'user\u0967',
    '\u0be7\u0be8',
    '\ud801\udca0',
    '\u3007\u3007',
  ]) {
    const { status, body } = await register({ username });
    t.deepEqual([status, body.username], [201, username]);
  }
});

test('compares addresses case-insensitively', async (t) => {
  const { body } = await register({ username: 'cased', email: 'Some.Body@EXAMPLE.Com' });
  t.is(body.email, 'Some.Body@example.com');
  for (const [at, email] of ['some.body@example.com', 'SOME.BODY@EXAMPLE.COM'].entries()) {
    const { status, body } = await register({ username: `cased${at}`, email });
    t.deepEqual([status, body], [400, { email: TAKEN.email }]);
  }
  for (const email of [
    'x',
    'x@',
    '@x.org',
    'x@localhost@example.com',
    'x@example.com\nBcc: y@example.com',
    'x@example.com, y@example.com',
    '"x"<y@example.com>',
    'x@example.com\0',
    '\ud800@example.com',
    `${'x'.repeat(250)}@example.com`,
  ]) {
    await assertRejected(t, { username: 'nobody', email }, 'email');
  }
});

const unusualText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom(
      'a',
      'A',
      '\u0430',
      '\uff41',
      '\u0301',
      '\u017f',
      '\u0130',
      '@',
      '.',
      '\0',
      '\ud800',
    ),
  }),
  fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    maxLength: 20,
  }),
);

test('stores every username in one canonical form, or rejects it on its field', async (t) => {
  await fc.assert(
    fc.asyncProperty(unusualText, async (username) => {
      // The length of a password is checked after the name, before any hashing.
      const { status, body, text } = await register({ username, password: 'x' });
      const name = username.trim().normalize('NFKC');
      t.is(status, 400, text);
      const [field] = Object.keys(body);
      t.true(field === 'username' || field === 'password', text);
      if (field === 'password') {
        t.regex(name, /^[\p{L}\p{N}_.@+-]{1,150}$/u);
      }
    }),
    { numRuns: 150 },
  );
  t.deepEqual(service.bugs, []);
});

const lowerEach = (text: string): string => [...text].map((letter) => letter.toLowerCase()).join('');

/**
 * Whether two names differ in case only, letter by letter, by PostgreSQL's lower(), which is not case
 * folding. ς, ß and ı are different names from σ, ss and i, although their capitals are the same.
 */
const isPair = (name: string, capitals: string): boolean => lowerEach(name) === lowerEach(capitals);

test('a stored username is canonical and taken afterwards', async (t) => {
  const letters = fc.string({
    unit: fc
      .oneof(
        fc.integer({ min: 0x21, max: 0x24f }),
        fc.integer({ min: 0x370, max: 0x3ff }),
        fc.integer({ min: 0x2070, max: 0x24ff }),
        fc.integer({ min: 0xf900, max: 0xffdc }),
        fc.integer({ min: 0x1d400, max: 0x1d7ff }),
      )
      .map((code) => String.fromCodePoint(code)),
    minLength: 1,
    maxLength: 2,
  });
  await fc.assert(
    fc.asyncProperty(letters, async (username) => {
      const { status, body, text } = await register({ username });
      t.true(status === 201 || (status === 400 && Object.keys(body).join() === 'username'), text);
      if (status === 201) {
        t.is(body.username, body.username.normalize('NFKC'));
        t.is((await register({ username })).status, 400);
        const capitals = body.username.toUpperCase();
        if (isPair(body.username, capitals)) {
          t.is((await register({ username: capitals })).status, 400, `${body.username} in capitals`);
        }
      }
    }),
    { numRuns: 60 },
  );
  t.deepEqual(service.bugs, []);
});

test('stores every address or rejects it on its field', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(unusualText, fc.emailAddress()), async (email) => {
      const { status, body, text } = await register({ username: 'addressed', email, password: 'x' });
      t.is(status, 400, text);
      t.true(['email', 'password'].includes(Object.keys(body).join()), text);
    }),
    { numRuns: 150 },
  );
  t.deepEqual(service.bugs, []);
});
