import test, { type ExecutionContext } from 'ava';
import { changeSettings } from '../../src/tenancy/registry/change-settings.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { scrape } from '../helpers/scrape.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import { type Member, openWorld, type World } from '../helpers/world.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject, maxPoolSize: 1 });
});
test.after.always(() => world?.close());

/** Creates a tenant with a user. The service has not cached it yet. */
async function open(
  t: ExecutionContext,
  schema: string,
  set: Record<string, string>,
  overrides: Record<string, string> = {},
): Promise<{ service: TestService; tenant: Member; token: string }> {
  const tenant = await world.provision(schema);
  await makeUser(world, schema, 'ann');
  await changeSettings(world.fleet.project, world.owner, schema, { set, unset: [] });
  const service = await serve(world, { METRICS_PORT: '0', ...overrides });
  t.teardown(async () => {
    await service.close();
  });
  return { service, tenant, token: await service.logIn(tenant.host, 'ann', PASSWORD) };
}

/**
 * Lets each insert of a note take `seconds`. Until the end of the test, because the checks at the start of a service reject
 * the rights that it needs.
 */
async function delayInserts(
  t: ExecutionContext,
  { schema, role }: Pick<Member, 'schema' | 'role'>,
  seconds: number,
  afterwards = '',
): Promise<void> {
  const sleep = 'function pg_catalog.pg_sleep(double precision)';
  t.teardown(async () => {
    await world.asOwner(`drop function ${schema}.linger() cascade`);
    await world.asOwner(`revoke execute on ${sleep} from ${role}`);
  });
  await world.asOwner(`
    create function ${schema}.linger() returns trigger language plpgsql as $$
    declare
      started constant timestamptz = clock_timestamp();
    begin
      perform pg_catalog.pg_sleep(${seconds});
      ${afterwards}
      return new;
    end $$`);
  await world.asOwner(`grant execute on ${sleep} to ${role}`);
  await world.asOwner(
    `create trigger linger before insert on ${schema}.notes for each row execute function ${schema}.linger()`,
  );
}

const hits = async ({ metricsPort }: TestService, limit: string): Promise<number> =>
  (await scrape(metricsPort)).total('koa_tenants_limits_hit_total', { limit });

test('rejects requests over the limit per minute of a tenant, and serves other tenants', async (t) => {
  const { service, tenant, token } = await open(t, 'eager', { TENANT_REQUESTS_PER_MINUTE: '3' });
  const read = (host: string) => service.request(host, 'GET', '/api/notes/', { token });
  const second = await read(tenant.host);
  t.is(second.status, 200);
  t.like(second.headers, { 'ratelimit-limit': '3', 'ratelimit-remaining': '1' });
  t.is((await read(tenant.host)).headers['ratelimit-remaining'], '0');
  const refused = await read(tenant.host);
  t.is(refused.status, 429);
  t.regex(refused.body.detail, /^Request was throttled\. Expected available in \d+ seconds?\.$/);
  t.true(Number(refused.headers['retry-after']) >= 1 && Number(refused.headers['retry-after']) <= 60);
  t.is(refused.headers['ratelimit-remaining'], '0');
  t.is((await service.request(tenant.host, 'POST', '/api/auth/jwt/create/', { body: {} })).status, 429);
  t.is(service.requests.at(-1)?.queries, 0, 'rejected without a query');

  const other = await service.request('globex.localhost', 'GET', '/api/notes/');
  t.is(other.status, 401);
  t.is(other.headers['ratelimit-limit'], undefined);
  t.is(await hits(service, 'requests'), 2);
});

test('a changed limit takes effect without a restart', async (t) => {
  const { service, tenant, token } = await open(t, 'changed', { TENANT_REQUESTS_PER_MINUTE: '1' });
  const read = () => service.request(tenant.host, 'GET', '/api/notes/', { token });
  t.is((await read()).status, 429);
  await changeSettings(world.fleet.project, world.owner, 'changed', {
    set: {},
    unset: ['TENANT_REQUESTS_PER_MINUTE'],
  });
  t.is((await until(read, ({ status }) => status !== 429)).status, 200);
});

test("a tenant's settings limit its searches", async (t) => {
  const { service, tenant, token } = await open(t, 'searching', { MAX_SEARCH_WORDS: '2' });
  const search = (words: string) =>
    service.request(tenant.host, 'GET', `/api/notes/?search=${words}`, { token });
  t.is((await search('a+b')).status, 200);
  const { status, body } = await search('a+b+c');
  t.is(status, 400);
  t.deepEqual(body, { search: ['Ensure this field has no more than 2 words.'] });
});

test('limits the concurrent transactions of a tenant, and leaves its lane to others', async (t) => {
  const { service, tenant, token } = await open(t, 'broad', { TENANT_CONCURRENCY: '2' });
  t.teardown(async () => {
    await world.asOwner('drop table broad.lingered');
  });
  await world.asOwner(`
    create table broad.lingered (started timestamptz, ended timestamptz);
    grant insert on broad.lingered to ${tenant.role};
  `);
  await delayInserts(t, tenant, 0.4, 'insert into broad.lingered values (started, clock_timestamp());');
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, at) =>
      service.request(tenant.host, 'POST', '/api/notes/', { token, body: { name: `p${at}` } }),
    ),
  );
  t.true(
    answers.every(({ status }) => status === 201),
    'a request that waits is served',
  );
  const [{ concurrent } = { concurrent: 0 }] = await world.asOwner<{ concurrent: number }>(`
    select max((select count(*) from broad.lingered as o where o.started <= l.started and o.ended > l.started))::integer
      as concurrent
    from broad.lingered as l`);
  t.is(concurrent, 2);
});

test('rejects a response that is too large, and rolls its write back', async (t) => {
  const { service, tenant, token } = await open(t, 'wordy', { MAX_RESPONSE_BYTES: '2048' });
  const project = (description: string) =>
    service.request(tenant.host, 'POST', '/api/notes/', { token, body: { name: 'p', description } });
  const first = await project('short');
  const { pathname } = new URL(first.headers.location ?? '');
  const refused = await service.request(tenant.host, 'PATCH', pathname, {
    token,
    body: { description: 'x'.repeat(3_000) },
  });
  t.is(refused.status, 413);
  t.deepEqual(refused.body, { detail: 'The response exceeds 2048 bytes. Request less data at a time.' });
  t.is(refused.headers.location, undefined);
  const list = await service.request(tenant.host, 'GET', '/api/notes/', { token });
  t.is(list.body.results[0].description, 'short', 'nothing of it was saved');
  t.is(list.headers['content-type'], 'application/json; charset=utf-8');
  t.is(Number(list.headers['content-length']), Buffer.byteLength(list.text));
  for (let at = 0; at < 3; at += 1) {
    t.is((await project('y'.repeat(900))).status, 201);
  }
  t.is((await service.request(tenant.host, 'GET', '/api/notes/', { token })).status, 413);
  t.is((await service.request(tenant.host, 'GET', '/api/notes/?page_size=1', { token })).status, 200);
  t.is(await hits(service, 'response_bytes'), 2);

  const single = await project('z'.repeat(3_000));
  t.is(single.status, 201, 'a single statement has been saved, and its answer is sent');
});

test('a tenant can have its own statement timeout, also a longer one than the default', async (t) => {
  const overrides = { STATEMENT_TIMEOUT: '2000' };
  const set = { STATEMENT_TIMEOUT: '60000', TENANT_CONCURRENCY: '1' };
  const { service, tenant, token } = await open(t, 'patient', set, overrides);
  await delayInserts(t, tenant, 5.2);
  await delayInserts(t, world.globex, 5.2);
  await makeUser(world, 'globex', 'hank');
  const other = await service.logIn('globex.localhost', 'hank', PASSWORD);
  const write = (host: string, bearer: string) =>
    service.request(host, 'POST', '/api/notes/', { token: bearer, body: { name: 'p' } });
  const both = await Promise.all([write(tenant.host, token), write(tenant.host, token)]);
  // The second one waits for the first longer than the five seconds that apply with a shorter POOL_TIMEOUT.
  t.deepEqual(
    both.map(({ status }) => status),
    [201, 201],
  );
  const ended = await write('globex.localhost', other);
  t.like(ended, { status: 503 });
  t.is(ended.body.code, 'statement_timeout');
});
