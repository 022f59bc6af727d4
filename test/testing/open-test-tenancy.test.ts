/** koa-tenants/testing, on the fixture apps: node test/run.ts test/testing/open-test-tenancy.test.ts */
import test from 'ava';
import pg from 'pg';

import { openTestTenancy, type TestTenancy } from '../../src/testing/index.ts';
import { fixtureProject } from '../fixture-app/project.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { startTestServer, testServerUrl } from '../helpers/postgres.ts';

let served: TestTenancy;
test.before(async () => {
  process.env.TEST_DATABASE_URL ??= await testServerUrl();
  served = await openTestTenancy({ project: servedProject, environment: { ALLOW_REGISTRATION: 'true' } });
});
test.after.always(() => served?.close());

const row = (pk: number, name: string) => ({ model: 'fixture_notes.note', pk, fields: { name } });

test('logs users in on their own tenant only', async (t) => {
  const ada = await served.acme.createUser('ada');
  t.regex(ada.id, /^\d+$/);
  t.is((await ada.get('/api/auth/users/me/')).body.username, 'ada');
  t.is((await (await served.acme.logIn('ada')).get('/api/auth/users/me/')).status, 200);
  t.is((await served.acme.anonymous.get('/api/auth/users/me/')).status, 401);
  await t.throwsAsync(served.globex.logIn('ada'), {
    message: /ada at globex\.localhost was rejected .* 401/,
  });
  await t.throwsAsync(served.acme.createUser('ada'), { code: 'user_exists' } as never);
});

test('creates users with the rights that a test names', async (t) => {
  const rights = 'select is_staff, is_superuser from users where username = any($1) order by username';
  await served.acme.createUser('a-member');
  await served.acme.createUser('b-staff', { isStaff: true });
  await served.acme.createUser('c-superuser', { isSuperuser: true });
  t.deepEqual(await served.acme.query(rights, [['a-member', 'b-staff', 'c-superuser']]), [
    { is_staff: false, is_superuser: false },
    { is_staff: true, is_superuser: false },
    { is_staff: true, is_superuser: true },
  ]);
});

test('loads fixtures and runs statements in one tenant', async (t) => {
  const { acme, createTenant } = served;
  const initech = await createTenant('initech');
  await acme.loadFixture([row(1, 'One'), row(2, 'Two')]);
  const found = await acme.query<{ name: string }>('select name from notes where id = any($1) order by id', [
    [1, 2],
  ]);
  t.deepEqual(
    found.map(({ name }) => name),
    ['One', 'Two'],
  );
  t.deepEqual(await initech.query('select id from notes'), []);
  t.is(initech.host, 'initech.localhost');
  await t.throwsAsync(acme.loadFixture([row(3, 'Three'), row(4, '')]));
  t.deepEqual(await acme.query('select id from notes where id > 2'), []);
});

test('keeps mails that were sent', async (t) => {
  const grace = await served.globex.createUser('grace', { email: 'grace@example.com' });
  const { status } = await grace.post('/api/auth/users/reset_password/', { email: 'grace@example.com' });
  t.is(status, 204);
  const deadline = performance.now() + 30_000;
  while (served.mails.length === 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  t.is(served.mails[0]?.to, 'grace@example.com');
  t.regex(served.mails[0]?.link ?? '', /^http:\/\/globex\.localhost/);
  t.deepEqual(served.bugs, []);
});

test('serves a project without accounts, and drops its database and roles', async (t) => {
  const { acme, site, environment, close } = await openTestTenancy({ project: fixtureProject });
  t.is((await acme.clientWith({ 'X-Request-Id': 'abc' }).get('/nothing/')).status, 404);
  t.is((await site.anonymous.get('/healthz')).status, 200);
  await t.throwsAsync(acme.createUser('ada'), { message: /require the app "accounts".*clientWith/ });
  await close();
  const { pathname, username } = new URL(environment.DATABASE_URL ?? '');
  const client = new pg.Client({ connectionString: await testServerUrl() });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select datname as name from pg_database where datname = $1
       union all
       select rolname from pg_roles where rolname = $2`,
      [pathname.slice(1), username],
    );
    t.deepEqual(rows, []);
  } finally {
    await client.end();
  }
});

test('gives the reason why a server did not start', async (t) => {
  const { TEST_POSTGRES } = process.env;
  process.env.TEST_POSTGRES = '14';
  const started = startTestServer();
  if (TEST_POSTGRES === undefined) {
    delete process.env.TEST_POSTGRES;
  } else {
    process.env.TEST_POSTGRES = TEST_POSTGRES;
  }
  await t.throwsAsync(started, {
    code: 'precondition_failed',
    message: 'TEST_POSTGRES is one of 15, 16, 17, and embedded for the newest.',
  } as never);
});
