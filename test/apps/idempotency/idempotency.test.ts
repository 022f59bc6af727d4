import test from 'ava';
import pg from 'pg';

import { purgeKeys } from '../../../src/apps/idempotency/purge.ts';
import {
  makeUser,
  PASSWORD,
  type RequestOptions,
  serve,
  type TestService,
  until,
} from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const HOST = 'acme.localhost';
const PATH = '/api/notes/';

let world: World;
let service: TestService;
let token: string;
test.before(async () => {
  world = await openWorld({ project });
  await makeUser(world, 'acme', 'alice');
  service = await serve(world);
  token = await service.logIn(HOST, 'alice', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const post = (
  key: string | null,
  name: string,
  { host = HOST, path = PATH, ...asking }: RequestOptions & { host?: string; path?: string } = {},
) =>
  service.request(host, 'POST', path, {
    token,
    body: { name },
    ...asking,
    headers: { ...(key === null ? {} : { 'Idempotency-Key': key }), ...asking.headers },
  });

const saved = async (name: string, schema = 'acme'): Promise<number> =>
  (await world.asOwner(`select from ${schema}.notes where name = $1`, [name])).length;
const keys = (key: string, schema = 'acme') =>
  world.asOwner(`select user_id, status from ${schema}.idempotency_keys where key = $1`, [key]);

test('a repeated request has one effect, and gets the first response', async (t) => {
  const first = await post('"k-1"', 'one');
  t.is(first.status, 201);
  t.is(first.headers['idempotent-replayed'], undefined);
  // Quoted as the draft has it, and bare as many clients send it.
  for (const key of ['"k-1"', 'k-1']) {
    const again = await post(key, 'one');
    t.deepEqual([again.status, again.text], [201, first.text]);
    t.is(again.headers.location, first.headers.location);
    t.is(again.headers['content-type'], first.headers['content-type']);
    t.is(again.headers['idempotent-replayed'], 'true');
  }
  t.is(await saved('one'), 1);
});

test('rejects another request with the same key', async (t) => {
  t.is((await post('k-2', 'two')).status, 201);
  for (const asking of [{ body: { name: 'three' } }, { path: `${PATH}?x=1` }, { path: '/api/notes' }]) {
    const { status, body } = await post('k-2', 'two', asking);
    t.is(status, 409);
    t.is(body.code, 'idempotency_key_reused');
    t.regex(body.detail, /another path or body/);
  }
  t.is(await saved('three'), 0);
  t.is(await saved('two'), 1);
  // White space between the members is not part of the request, and the boundary of a form neither.
  t.is((await post('k-2', 'two', { raw: '{ "name" : "two" }' })).status, 201);
  const form = (boundary: string) =>
    post('k-form', 'unused', {
      raw: `--${boundary}\r\nContent-Disposition: form-data; name="name"\r\n\r\nby form\r\n--${boundary}--\r\n`,
      headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
    });
  t.is((await form('one')).status, 201);
  t.is((await form('two')).headers['idempotent-replayed'], 'true');
});

test.serial(
  'rejects a request while the first one with its key runs, and repeats its response after',
  async (t) => {
    const owner = new pg.Client(world.owner);
    await owner.connect();
    try {
      await owner.query('begin');
      await owner.query('lock table acme.notes in share mode');
      const first = post('k-3', 'three at once');
      await until(
        () =>
          world.asOwner(
            `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
          ),
        (waiting) => waiting.length > 0,
      );
      const second = await post('k-3', 'three at once');
      t.deepEqual([second.status, second.body.code], [409, 'idempotency_key_in_progress']);
      await owner.query('commit');
      t.is((await first).status, 201);
      const third = await post('k-3', 'three at once');
      t.deepEqual([third.status, third.text], [201, (await first).text]);
    } finally {
      await owner.end();
    }
    t.is(await saved('three at once'), 1);
  },
);

test('a request that fails leaves no key', async (t) => {
  t.is((await post('k-4', '')).status, 400);
  t.deepEqual(await keys('k-4'), []);
  t.is((await post('k-4', 'four')).status, 201);
  t.is((await post('k-4', 'four')).headers['idempotent-replayed'], 'true');
});

test('rejects a malformed key', async (t) => {
  for (const key of [
    'two words',
    '"open',
    '"a"b"',
    'ä',
    'a'.repeat(256),
    '""',
    '"a";p=1',
    '"a", "b"',
    'a,b"',
  ]) {
    const { status, body } = await post(Buffer.from(key).toString('latin1'), 'malformed');
    t.is(status, 400, key);
    t.regex(body.detail, /^Idempotency-Key must have/);
  }
  t.is(await saved('malformed'), 0);
  t.is((await post('a'.repeat(255), 'longest')).status, 201);
});

test('a key belongs to one user of one tenant', async (t) => {
  await makeUser(world, 'acme', 'bob');
  await makeUser(world, 'globex', 'alice');
  const first = await post('k-5', 'of alice');
  const bob = await service.logIn(HOST, 'bob', PASSWORD);
  const neighbor = await service.logIn('globex.localhost', 'alice', PASSWORD);
  for (const asking of [{ token: bob }, { token: neighbor, host: 'globex.localhost' }]) {
    const other = await post('k-5', 'of another', asking);
    t.is(other.status, 201);
    t.is(other.headers['idempotent-replayed'], undefined);
    t.not(other.text, first.text);
  }
  t.is((await keys('k-5')).length, 2);
  t.is((await keys('k-5', 'globex')).length, 1);
});

test('a caller with a key of /token/login/ may repeat requests', async (t) => {
  const { body } = await service.request(HOST, 'POST', '/api/auth/token/login/', {
    body: { username: 'alice', password: PASSWORD },
  });
  const asking = { token: undefined, headers: { Authorization: `Token ${body.auth_token}` } };
  t.is((await post('k-6', 'six', asking)).status, 201);
  t.is((await post('k-6', 'six', asking)).headers['idempotent-replayed'], 'true');
  // It is the same user.
  t.is((await post('k-6', 'six')).headers['idempotent-replayed'], 'true');
  t.is(await saved('six'), 1);
});

test('a request without a key stores nothing and runs one statement', async (t) => {
  const first = await post(null, 'seven');
  const again = await post(null, 'seven');
  t.not(first.text, again.text);
  t.is(await saved('seven'), 2);
  const line = service.requests.find(({ requestId }) => requestId === again.headers['x-request-id']);
  t.is(line?.queries, 1);
});

test('a response is not repeated to a deleted user', async (t) => {
  await makeUser(world, 'acme', 'carol');
  const carol = await service.logIn(HOST, 'carol', PASSWORD);
  t.is((await post('k-8', 'eight', { token: carol })).status, 201);
  await world.asOwner(`delete from acme.users where username = 'carol'`);
  t.is((await post('k-8', 'eight', { token: carol })).status, 401);
  // An anonymous request has no user, so it has no keys.
  t.is((await post('k-8', 'eight', { token: undefined })).status, 401);
});

test.serial('the number of keys and the size of responses are limited', async (t) => {
  const dave = await makeUser(world, 'acme', 'dave');
  const own = await service.logIn(HOST, 'dave', PASSWORD);
  const change = async (settings: object): Promise<void> => {
    await world.asOwner(`update public.tenants set settings = $1 where schema_name = 'acme'`, [
      JSON.stringify(settings),
    ]);
  };
  try {
    await change({ IDEMPOTENCY_KEYS_PER_USER: '2', IDEMPOTENCY_RESPONSE_BYTES: '10' });
    const answers = await until(
      async () => {
        await world.asOwner('delete from acme.idempotency_keys where user_id = $1', [String(dave.id)]);
        const sent = [];
        for (const key of ['k-9', 'k-10', 'k-11', 'k-9']) {
          sent.push(await post(key, 'nine', { token: own }));
        }
        return sent;
      },
      (sent) => sent[2]?.status === 429,
    );
    t.deepEqual(
      answers.map(({ status, body }) => [status, body.code]),
      [
        [201, undefined],
        [201, undefined],
        [429, undefined],
        [409, 'idempotency_response_not_stored'],
      ],
    );
    t.is(answers[2]?.headers['retry-after'], '3600');
    t.deepEqual(await keys('k-11'), []);
  } finally {
    await change({});
  }
});

test.serial('an expired key is forgotten, and the purge deletes it', async (t) => {
  const due = () =>
    world.asOwner<{ seen: string; seconds: number }>(
      `select marked_at::text as seen, extract(epoch from due_at - now())::float8 as seconds
       from tenancy.due_work
       where kind = 'idempotency' and tenant_id = $1`,
      [world.acme.id],
    );
  t.is((await post('k-12', 'twelve')).status, 201);
  t.is((await due()).length, 1);
  await world.asOwner(
    `update acme.idempotency_keys set created_at = now() - interval '1 day' where key = 'k-12'`,
  );
  t.is((await post('k-12', 'twelve')).headers['idempotent-replayed'], undefined);
  t.is(await saved('twelve'), 2);

  await world.asOwner(
    `update acme.idempotency_keys set created_at = now() - interval '1 day' where key = 'k-12'`,
  );
  const purge = purgeKeys({
    tenantDatabase: world.tenantDatabase,
    withDefaults: () => ({ IDEMPOTENCY_KEY_LIFETIME: 86_400 }) as never,
  });
  const [{ seen = '' } = {}] = await due();
  t.deepEqual(await purge({ tenant: world.acme.id, seen }), { more: false, failures: [] });
  t.deepEqual(await keys('k-12'), []);
  const [left] = await due();
  t.true((left?.seconds ?? 0) > 80_000);

  await world.asOwner('delete from acme.idempotency_keys');
  await purge({ tenant: world.acme.id, seen });
  t.deepEqual(await due(), []);
});
