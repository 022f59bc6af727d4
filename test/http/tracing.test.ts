import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

type Span = Readonly<{
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status?: Readonly<{ code?: number }>;
  attributes: ReadonlyArray<
    Readonly<{ key: string; value: Readonly<{ stringValue?: string; intValue?: number }> }>
  >;
}>;

const HOST = 'acme.localhost';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const ERROR = 2;

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'ann');
});
test.after.always(() => world?.close());

/** Starts a collector that stores the received OTLP/HTTP JSON. */
async function collect(t: ExecutionContext): Promise<{ url: string; spans: Span[]; bodies: string[] }> {
  const spans: Span[] = [];
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      if (request.method === 'POST' && request.url === '/v1/traces') {
        bodies.push(text);
        for (const { scopeSpans } of JSON.parse(text).resourceSpans) {
          spans.push(...scopeSpans.flatMap((scope: { spans: Span[] }) => scope.spans));
        }
      }
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, spans, bodies };
}

async function serveTraced(t: ExecutionContext, url: string): Promise<TestService> {
  const service = await serve(world, { OTEL_EXPORTER_OTLP_ENDPOINT: url });
  t.teardown(async () => {
    await service.close();
  });
  return service;
}

const attributeOf = (span: Span | undefined, key: string): string | number | undefined => {
  const value = span?.attributes.find((attribute) => attribute.key === key)?.value;
  return value?.stringValue ?? value?.intValue;
};

test('a request, its transaction and its statements are spans of the incoming trace', async (t) => {
  const { url, spans, bodies } = await collect(t);
  const service = await serveTraced(t, url);
  const token = await service.logIn(HOST, 'ann', PASSWORD);
  const answer = await service.request(HOST, 'POST', '/api/notes/', {
    token,
    body: { name: 'value-of-a-parameter' },
    headers: { traceparent: `00-${TRACE}-${PARENT}-01` },
  });
  t.is(answer.status, 201);
  const line = service.requests.at(-1);
  t.is(line?.traceId, TRACE);

  const mine = await until(
    async () => spans.filter(({ traceId }) => traceId === TRACE),
    (found) => found.some(({ parentSpanId }) => parentSpanId === PARENT),
  );
  const request = mine.find(({ parentSpanId }) => parentSpanId === PARENT);
  t.is(request?.name, 'POST /api/notes');
  t.is(attributeOf(request, 'http.route'), '/api/notes');
  t.is(attributeOf(request, 'http.response.status_code'), 201);
  t.is(attributeOf(request, 'koa_tenants.tenant'), world.acme.id);
  t.is(attributeOf(request, 'koa_tenants.schema'), 'acme');
  t.is(attributeOf(request, 'koa_tenants.request_id'), line?.requestId);

  const transaction = mine.find(({ name }) => name === 'tenant transaction');
  t.is(transaction?.parentSpanId, request?.spanId);
  const statements = mine.filter(({ parentSpanId }) => parentSpanId === transaction?.spanId);
  t.is(statements.length, line?.queries ?? 0);
  const insert = statements.find(({ name }) => name === 'insert');
  t.regex(String(attributeOf(insert, 'db.query.text')), /^\s*insert into "notes" .*\$1/s);
  t.true(BigInt(insert?.startTimeUnixNano ?? 0) >= BigInt(transaction?.startTimeUnixNano ?? 0) - 1_000_000n);
  t.true(BigInt(insert?.endTimeUnixNano ?? 0) > BigInt(insert?.startTimeUnixNano ?? 0));

  await service.close();
  const sent = bodies.join('\n');
  for (const secret of ['value-of-a-parameter', token, PASSWORD]) {
    t.false(sent.includes(secret));
  }
});

test('starts a trace for a request without one, and ignores an invalid header', async (t) => {
  const { url, spans } = await collect(t);
  const service = await serveTraced(t, url);
  for (const traceparent of [
    '',
    'nonsense',
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `'; drop table people --`,
  ]) {
    await service.request(HOST, 'GET', '/api/notes/', { headers: traceparent ? { traceparent } : {} });
  }
  const ids = service.requests.map(({ traceId }) => traceId);
  t.is(new Set(ids).size, 4);
  t.true(ids.every((id) => /^[0-9a-f]{32}$/.test(id ?? '')));
  const found = await until(
    async () => spans.filter(({ name }) => name === 'GET /api/notes'),
    (all) => all.length >= 4,
  );
  t.true(found.every(({ parentSpanId }) => !parentSpanId));
});

test('a bug marks its span as failed', async (t) => {
  const own = await openWorld({ project: servedProject });
  t.teardown(own.close);
  await makeUser(own, 'acme', 'ann');
  const { url, spans } = await collect(t);
  const service = await serve(own, { OTEL_EXPORTER_OTLP_ENDPOINT: url });
  t.teardown(async () => {
    await service.close();
  });
  const token = await service.logIn(HOST, 'ann', PASSWORD);
  await own.asOwner('alter table acme.notes rename to mislaid');
  t.is((await service.request(HOST, 'GET', '/api/notes/', { token })).status, 500);
  const failed = await until(
    async () => spans.filter(({ status }) => status?.code === ERROR),
    (all) => all.length >= 3,
  );
  t.deepEqual(failed.map(({ name }) => name).sort(), ['GET /api/notes', 'tenant transaction', 'with']);
});

test('an unavailable collector affects neither requests nor the shutdown', async (t) => {
  const service = await serve(world, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
  t.is((await service.request(HOST, 'GET', '/healthz')).status, 200);
  t.is(await service.close(), 0);
  t.deepEqual(service.bugs, []);
});

test('without an endpoint no log line has a trace', async (t) => {
  const service = await serve(world);
  t.teardown(async () => {
    await service.close();
  });
  await service.request(HOST, 'GET', '/api/notes/', {
    headers: { traceparent: `00-${TRACE}-${PARENT}-01` },
  });
  t.is(service.requests[0]?.traceId, undefined);
});
