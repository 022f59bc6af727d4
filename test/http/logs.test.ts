import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { startMain } from '../cli/run.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import {
  type Answer,
  environmentOf,
  makeUser,
  PASSWORD,
  sendRequest,
  serve,
  until,
} from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
});
test.after.always(() => world?.close());

/** Returns the secrets that a log contains. */
const foundIn = (log: string, secrets: readonly string[]): readonly string[] =>
  secrets.filter((secret) => log.includes(secret));

const HOST = 'acme.localhost';
/** Values of a user's input. Nothing else writes them to a log. */
const TYPED = {
  wrong: 'wrong-password-7c1e',
  next: 'next-password-9f3b stays secret',
  project: 'project-name-51aa',
  search: 'search-words-2be0',
  key: 'member-name-e8d4',
};

const cookiesOf = ({ headers }: Answer): string[] =>
  (headers['set-cookie'] ?? []).map((line) => line.split(';')[0]?.split('=')[1] ?? '');

/** Returns all secrets: tokens, passwords, cookies, links of mails and the user's input. */
async function visit(
  port: number,
  [host, neighbor]: readonly [string, string],
  mailFolder: string,
): Promise<string[]> {
  const secrets = new Set<string>([PASSWORD, ...Object.values(TYPED)]);
  const request = async (
    ...asked: Parameters<typeof sendRequest> extends [number, ...infer Rest] ? Rest : never
  ) => {
    const answer = await sendRequest(port, ...asked);
    for (const secret of [answer.body?.access, answer.body?.refresh, answer.body?.auth_token]) {
      secrets.add(secret ?? PASSWORD);
    }
    for (const cookie of cookiesOf(answer).filter(Boolean)) {
      secrets.add(cookie);
    }
    return answer;
  };
  const auth = (path: string, body: object, token?: string) =>
    request(host, 'POST', `/api/auth/${path}`, { body, token });

  const { body: pair } = await auth('jwt/create/', { username: 'ann', password: PASSWORD });
  await auth('jwt/create/', { username: 'ann', password: TYPED.wrong });
  const { body: refreshed } = await auth('jwt/refresh/', { refresh: pair.refresh });
  await auth('jwt/refresh/', { refresh: pair.refresh });
  await auth('jwt/verify/', { token: refreshed.access });
  await auth('token/login/', { username: 'bob', password: PASSWORD });
  const { access } = (await auth('jwt/create/', { username: 'bob', password: PASSWORD })).body;

  const { body: project } = await request(host, 'POST', '/api/notes/', {
    token: access,
    body: { name: TYPED.project, description: TYPED.project },
  });
  await request(host, 'GET', `/api/notes/${project.id}/`, { token: access });
  await request(host, 'GET', `/api/notes/?search=${TYPED.search}`, { token: access });
  await request(host, 'POST', '/api/notes/', { token: access, body: { [TYPED.key]: TYPED.project } });
  await request(host, 'POST', '/api/notes/', { token: access, raw: `{"name": "${TYPED.project}` });
  await request(host, 'POST', '/api/notes/', { token: access, body: { name: `${TYPED.project}\0` } });
  // PostgreSQL includes the value in its message, and pg adds that to the error: see the trigger.
  await request(host, 'POST', '/api/notes/', { token: access, body: { name: `fail ${TYPED.project}` } });
  await auth('users/', { username: 'ann', email: 'ann@example.com', password: TYPED.next });

  const forged = `${access.slice(0, -4)}AAAA`;
  secrets.add(forged);
  await request(host, 'GET', '/api/notes/', { token: forged });
  await request(neighbor, 'GET', '/api/notes/', { token: access });
  await request(host, 'GET', '/api/notes/', { headers: { Authorization: `Basic ${TYPED.wrong}` } });
  await request(host, 'GET', '/api/notes/', {
    headers: { Cookie: `refresh=${forged}; csrftoken=${forged}` },
  });

  await auth('users/reset_password/', { email: 'bob@example.com' });
  const links = await until(
    async () => {
      const files = (await readdir(mailFolder).catch(() => [])).filter((file) => file.endsWith('.txt'));
      const texts = await Promise.all(files.map((file) => readFile(join(mailFolder, file), 'utf8')));
      return texts
        .flatMap((text) => text.match(/http\S+/g) ?? [])
        .filter((link) => link.includes(`//${host}`));
    },
    (found) => found.length > 0,
  );
  for (const link of links) {
    const [uid = '', token = ''] = link.split('/').slice(-2);
    secrets.add(token);
    await auth('users/reset_password_confirm/', { uid, token, new_password: TYPED.next });
    await auth('users/reset_password_confirm/', { uid, token, new_password: TYPED.next });
  }
  const { body: last } = await auth('jwt/create/', { username: 'bob', password: TYPED.next });
  await auth('users/set_password/', { current_password: TYPED.next, new_password: PASSWORD }, last.access);
  await auth('jwt/logout/', { refresh: last.refresh });
  return [...secrets];
}

test('the log of a full run contains no token, password, value or link, with and without AUTH_COOKIES', async (t) => {
  const own = await openWorld({ project: servedProject });
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-logs-'));
  t.teardown(async () => {
    await own.close();
    await rm(folder, { recursive: true });
  });
  for (const schema of ['acme', 'globex']) {
    for (const username of ['ann', 'bob']) {
      await makeUser(own, schema, username);
    }
    // A bug in the database, whose error contains the row.
    await own.asOwner(`
      create function ${schema}.fail() returns trigger language plpgsql as $$
      begin
        if new.name like 'fail%' then
          raise exception 'the row % is refused', new.name using errcode = 'XX001', detail = new.name;
        end if;
        return new;
      end $$`);
    await own.asOwner(
      `create trigger fail before insert on ${schema}.notes for each row execute function ${schema}.fail()`,
    );
  }
  await own.asOwner(
    `update public.tenants set settings = '{"AUTH_COOKIES": true}' where schema_name = 'globex'`,
  );
  const { port, child, lines, errors, ended } = await startMain(
    environmentOf(own, { LOG_LEVEL: 'trace', MAIL_DIR: folder }),
  );
  const visits = [
    await visit(port, [own.acme.host, own.globex.host], folder),
    await visit(port, [own.globex.host, own.acme.host], folder),
  ];
  child.kill('SIGTERM');
  await ended;

  const parsed = lines.map((line) => JSON.parse(line));
  for (const { id } of [own.acme, own.globex]) {
    const requests = parsed.filter(({ msg, tenant }) => msg === 'request' && tenant === id);
    t.true(requests.length >= 20, 'the run was made');
  }
  t.true(
    parsed.filter(({ msg, error }) => msg === 'bug' && JSON.stringify(error).includes('XX001')).length >= 2,
    'the errors of the database are logged',
  );
  const log = [...lines, ...errors].join('\n');
  for (const secrets of visits) {
    t.true(secrets.length >= 12, 'there are tokens to look for');
    t.deepEqual(foundIn(log, secrets), []);
    // The same search finds values that are there.
    for (const secret of secrets) {
      t.deepEqual(foundIn(`${log}\n{"msg":"request","query":"x=${secret}"}`, [secret]), [secret]);
    }
  }
});

test('a line has tenant, schema, route, user, lane, number of queries and database time', async (t) => {
  const service = await serve(world, { LANES: '2' });
  t.teardown(service.close);
  const { id: user } = await makeUser(world, 'acme', 'lena');
  const token = await service.logIn(HOST, 'lena', PASSWORD);
  await world.asOwner(`insert into acme.notes (id, name) overriding system value values (7, 'seventh')`);
  const { headers } = await service.request(HOST, 'GET', '/api/notes/7/', { token });
  const line = service.requests.find(({ requestId }) => requestId === headers['x-request-id']);
  t.like(line, {
    method: 'GET',
    route: '/api/notes/:id',
    path: '/api/notes/7/',
    status: 200,
    code: null,
    tenant: world.acme.id,
    schema: 'acme',
    user: String(user),
    queries: 1,
  });
  t.regex(line?.lane ?? '', /^main\/[01]$/);
  t.true((line?.databaseTime ?? 0) > 0);
  t.true((line?.databaseTime ?? 0) <= (line?.duration ?? 0));
});

test('a line of an anonymous request or an unknown host has null fields', async (t) => {
  const service = await serve(world);
  t.teardown(service.close);
  await service.request('nowhere.localhost', 'GET', '/x/');
  await service.request(HOST, 'GET', '/no/such/path/');
  await service.request(HOST, 'GET', '/api/notes/');
  t.like(service.requests[0], {
    tenant: null,
    schema: null,
    lane: null,
    route: null,
    status: 404,
    code: 'tenant_not_found',
    queries: 0,
  });
  t.like(service.requests[1], { tenant: world.acme.id, route: null, status: 404, user: null });
  t.like(service.requests[2], {
    tenant: world.acme.id,
    route: '/api/notes',
    status: 401,
    code: 'not_authenticated',
    queries: 0,
  });
});

test('takes the request id of a proxy in a safe format, and ignores the one of a client', async (t) => {
  const [direct, proxied] = await Promise.all([serve(world), serve(world, { TRUST_PROXY: 'true' })]);
  t.teardown(async () => {
    await direct.close();
    await proxied.close();
  });
  const idOf = async ({ request }: typeof direct, given: string) =>
    (await request(HOST, 'GET', '/healthz', { headers: { 'X-Request-Id': given } })).headers['x-request-id'];
  t.is(await idOf(proxied, 'proxy-0123.abc'), 'proxy-0123.abc');
  t.not(await idOf(direct, 'proxy-0123.abc'), 'proxy-0123.abc');
  for (const unsafe of [
    'short',
    'x'.repeat(65),
    'has space in it',
    '{"a":"injected"}',
    'new\tline-and-more',
  ]) {
    t.regex(String(await idOf(proxied, unsafe)), /^[0-9a-f-]{36}$/, unsafe);
  }
});
