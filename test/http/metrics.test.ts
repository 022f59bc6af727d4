import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';

import { readConfig } from '../../src/config/config.ts';
import { openService } from '../../src/server/service.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { requestsInTurn } from '../helpers/requests-in-turn.ts';
import { scrape } from '../helpers/scrape.ts';
import {
  environmentOf,
  makeUser,
  PASSWORD,
  sendRequest,
  serve,
  type TestService,
  until,
} from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

const HOST = 'acme.localhost';
const REQUESTS = 'koa_tenants_http_requests_total';

/** Without requests for the OpenAPI document, with which responses are compared. */
const UNCOUNTED = { API_DOCS: 'false' };

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'ann');
  await world.asOwner(
    `update public.tenants set name = 'Acme & Sons (secret name)' where schema_name = 'acme'`,
  );
});
test.after.always(() => world?.close());

async function serveCounted(
  t: ExecutionContext,
  overrides: Record<string, string> = {},
): Promise<TestService> {
  const service = await serve(world, { METRICS_PORT: '0', ...UNCOUNTED, ...overrides });
  t.teardown(async () => {
    await service.close();
  });
  return service;
}

test('counts requests by route, method and status class, and their duration by route', async (t) => {
  const service = await serveCounted(t);
  const token = await service.logIn(HOST, 'ann', PASSWORD);
  for (const id of ['1', '2', '3']) {
    await service.request(HOST, 'GET', `/api/notes/${id}/`, { token });
  }
  await service.request(HOST, 'GET', '/api/notes/', { token });
  await service.request(HOST, 'GET', '/no/such/path');
  await service.request(HOST, 'PROPFIND', '/api/notes/');
  const { total } = await scrape(service.metricsPort);
  t.is(total(REQUESTS, { route: '/api/notes/:id', method: 'GET', status: '4xx' }), 3);
  t.is(total(REQUESTS, { route: '/api/notes', method: 'GET', status: '2xx' }), 1);
  t.is(total(REQUESTS, { route: '/api/auth/jwt/create', method: 'POST', status: '2xx' }), 1);
  t.is(total(REQUESTS, { route: '(none)', method: 'GET', status: '4xx' }), 1);
  t.is(total(REQUESTS, { method: 'OTHER' }), 1);
  t.is(total('koa_tenants_http_request_duration_seconds_count', { route: '/api/notes/:id' }), 3);
  t.is(total('koa_tenants_http_request_duration_seconds_bucket', { route: '/api/notes/:id', le: '+Inf' }), 3);
  t.true(total('koa_tenants_database_queries_total', { lane: 'main/0' }) >= 4);
  t.true(total('koa_tenants_database_seconds_total', { lane: 'main/0' }) > 0);
  t.is(total('koa_tenants_tenant_requests_total', { tenant: 'acme', status: '2xx' }), 2);
});

test('a scrape includes pools, directory, invalidation listener, mail and migrations', async (t) => {
  const service = await serveCounted(t, { LANES: '2', POOL_SIZE: '6' });
  // Until earlier cache entries have expired.
  await until(
    () => scrape(service.metricsPort),
    (found) => found.total('koa_tenants_invalidation_listener_connected') === 1,
  );
  for (let times = 0; times < 3; times += 1) {
    await service.request(HOST, 'GET', '/api/notes/');
  }
  await service.request('nowhere.localhost', 'GET', '/');
  const { total, samples } = await scrape(service.metricsPort);
  const database = 'main';
  t.is(total('koa_tenants_database_ready', { database }), 1);
  t.is(total('koa_tenants_lane_size', { database }), 3);
  t.is(total('koa_tenants_lane_waiting', { database, lane: '1' }), 0);
  t.true(total('koa_tenants_lane_connections', { database, lane: 'lookups' }) >= 1);
  // A new connection prepares from its second request on, and the third reuses the plans; behind a pooler
  // nothing is prepared.
  const prepared = (result: string) => total('koa_tenants_prepared_statements_total', { database, result });
  t.is(prepared('hit'), prepared('miss'));
  t.true(total('koa_tenants_directory_lookups_total', { result: 'hit' }) >= 1);
  t.true(total('koa_tenants_directory_lookups_total', { result: 'miss' }) >= 1);
  t.is(total('koa_tenants_directory_lookups_total', { result: 'unknown' }), 1);
  t.true(total('koa_tenants_tenants', { database }) >= 3, 'acme, globex and the site');
  t.is(total('koa_tenants_tenants_behind', { database }), 0);
  t.is(total('koa_tenants_tenants_failed', { database }), 0);
  t.is(total('koa_tenants_due_tenants', { database, kind: 'mail' }), 0);
  t.true(Math.abs(total('koa_tenants_clock_difference_seconds', { database })) < 60);
  t.true(total('process_resident_memory_bytes') > 0);
  t.false(
    samples.some(({ labels }) => Object.values(labels).some((value) => /secret name|localhost/.test(value))),
    'neither display names nor hosts',
  );
});

test('counts tenants that are behind, that failed and that have waiting mail', async (t) => {
  const own = await openWorld({ project: servedProject });
  t.teardown(own.close);
  const service = await serve(own, { METRICS_PORT: '0', MAIL_DIR: '', ...UNCOUNTED });
  t.teardown(service.close);
  await own.asOwner(
    `update public.tenants set migrated_to = '20200101000000000_old' where schema_name = 'acme'`,
  );
  await own.asOwner(`update public.tenants set migrated_to = null where schema_name = 'globex'`);
  await own.asOwner(
    `insert into tenancy.migration_failures (tenant_id, error) select id, 'no' from public.tenants where schema_name = 'globex'`,
  );
  await own.asOwner(
    `insert into tenancy.due_work (tenant_id, kind, marked_at, due_at)
     select id, 'mail', now(), now() - interval '1 hour' from public.tenants where schema_name = 'acme'`,
  );
  const { total } = await scrape(service.metricsPort);
  t.is(total('koa_tenants_tenants_behind'), 2);
  t.is(total('koa_tenants_tenants_failed'), 1);
  t.is(total('koa_tenants_due_tenants'), 1);
  t.true(total('koa_tenants_due_overdue_seconds') >= 3600);
});

test('10,000 invented hosts, paths and methods add no series', async (t) => {
  const service = await serveCounted(t);
  const visit = (from: number, to: number) =>
    requestsInTurn(
      service.port,
      Array.from({ length: to - from }, (_, index) => ({
        host: `host-${from + index}.localhost`,
        path: `/path-${from + index}/`,
      })),
    );
  await visit(0, 5);
  const seriesOf = ({ samples }: Awaited<ReturnType<typeof scrape>>): number =>
    samples.filter(({ name }) => name.startsWith('koa_tenants_')).length;
  const before = await scrape(service.metricsPort);
  await Promise.all(Array.from({ length: 20 }, (_, lot) => visit(10 + lot * 500, 10 + (lot + 1) * 500)));
  const after = await scrape(service.metricsPort);
  t.is(after.total(REQUESTS, { status: '4xx' }), 10_005);
  t.is(seriesOf(after), seriesOf(before));
});

test('counts requests of tenants beyond the maximum under (other)', async (t) => {
  const service = await serveCounted(t, { METRICS_TOP_TENANTS: '1' });
  await service.logIn(HOST, 'ann', PASSWORD);
  await makeUser(world, 'globex', 'hank');
  await service.logIn('globex.localhost', 'hank', PASSWORD);
  const { samples, total } = await scrape(service.metricsPort);
  const named = new Set(
    samples
      .filter(({ name }) => name === 'koa_tenants_tenant_requests_total')
      .map(({ labels }) => labels.tenant),
  );
  t.deepEqual([...named].sort(), ['(other)', 'acme']);
  t.is(total('koa_tenants_tenant_requests_total', { tenant: '(other)' }), 1);
});

test('without METRICS_PORT counts nothing, and serves metrics on no port', async (t) => {
  const [silent, counted] = await Promise.all([serve(world), serveCounted(t)]);
  t.teardown(silent.close);
  t.is(silent.metricsPort, null);
  t.is((await counted.request('localhost', 'GET', '/metrics')).status, 404);
  t.not(counted.metricsPort, counted.port);
  t.is((await sendRequest(counted.metricsPort ?? 0, '127.0.0.1', 'GET', '/api/notes/')).status, 404);
  t.is((await sendRequest(counted.metricsPort ?? 0, '127.0.0.1', 'POST', '/metrics')).status, 404);
});

test('a scrape responds and reports a database that does not respond', async (t) => {
  const own = await openWorld({ project: servedProject });
  t.teardown(own.close);
  const service = await serve(own, { METRICS_PORT: '0', ...UNCOUNTED });
  t.teardown(service.close);
  await own.asOwner(
    `revoke execute on function tenancy.statistics(text, integer, text, integer, text[]) from ${own.service}`,
  );
  await own.asOwner('delete from tenancy.installation');
  const { total } = await scrape(service.metricsPort);
  t.is(total('koa_tenants_database_ready', { database: 'main' }), 0);
  t.true(Number.isNaN(total('koa_tenants_tenants_behind')), 'what is not known is left out');
  t.true(service.warnings.includes('the statistics of main could not be read; their metrics are missing'));
  t.true(service.warnings.includes('the database main is not ready'));
});

test('does not start with a METRICS_PORT that is in use, with a one-sentence error', async (t) => {
  const blocker = createServer();
  await new Promise<void>((listening) => {
    blocker.listen(0, '127.0.0.1', listening);
  });
  t.teardown(() => blocker.close());
  const { port } = blocker.address() as { port: number };
  const log = { request: () => {}, bug: () => {}, warn: () => {}, notice: () => {} };
  await t.throwsAsync(
    openService(
      world.fleet.project,
      readConfig(world.fleet.project, environmentOf(world, { METRICS_PORT: String(port) })),
      log,
    ),
    {
      message: /^Port \d+ is used by another program\. .*METRICS_PORT=…\.$/,
    },
  );
});
