/**
 * Measures what the API's contract adds to a GET of one row that uses none of it:
 *   node bench/contract.ts
 *
 * Processor time of the middleware of CORS and of the entity tag, with the serialization of the row, compared with the
 * serialization alone, in one process without sockets and database. Idempotency keys and the OpenAPI document add no code to a
 * GET: the first wraps POST only, and the second reads the routes when the service starts. Blocks of both sides alternate, and
 * the best block of each is compared, because other load of the machine only adds to the time.
 */
import { readFile } from 'node:fs/promises';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { join } from 'node:path';
import Koa from 'koa';

import { tagged } from '../src/http/etag.ts';
import { cors } from '../src/http/middleware/cors.ts';
import { limitResponse } from '../src/http/middleware/limit-response.ts';
import type { AppMiddleware, Context, Handler, State } from '../src/http/state.ts';
import { bench, type Figure } from './bench.ts';

const BLOCKS = 60;
const REQUESTS = 2_000;

const ROW = { id: 1, name: 'project 1', description: '', created_at: '2026-11-30T04:54:49.123456Z' };
const SETTINGS = { CORS_ALLOWED_ORIGINS: [], CORS_ALLOWED_ORIGIN_REGEXES: [], CORS_ALLOW_CREDENTIALS: false };

type Side = (ctx: Context) => Promise<void>;

const app = new Koa<State>();

function createRequest(): Context {
  const request = new IncomingMessage(new Socket());
  request.method = 'GET';
  request.url = '/api/projects/1/';
  request.headers = { host: 'acme.localhost', authorization: 'Bearer x' };
  const ctx = app.createContext(request, new ServerResponse(request)) as unknown as Context;
  Object.assign(ctx.state, { tenant: {}, limits: { responseBytes: 10_485_760 } });
  return ctx;
}

/** Returns the microseconds of a request in one block. */
async function measure(side: Side): Promise<number> {
  const requests = Array.from({ length: REQUESTS }, createRequest);
  const before = process.cpuUsage();
  for (const ctx of requests) {
    await side(ctx);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / REQUESTS;
}

const through = (middleware: AppMiddleware, ctx: Context, next: () => Promise<void>): Promise<void> =>
  middleware(ctx as never, next) as Promise<void>;

async function compare(): Promise<readonly Figure[]> {
  const sized = limitResponse({ onHit: () => {} });
  const known = Promise.resolve(SETTINGS);
  const origins = cors({ settingsOf: async () => known as never, defaults: SETTINGS });
  const plain: Handler = async (ctx) => {
    ctx.body = { ...ROW };
  };
  const withTag = tagged(plain, 'GET', { current: () => ({}) as never });
  const without: Side = (ctx) => through(sized, ctx, () => plain(ctx));
  const contract: Side = (ctx) => through(origins, ctx, () => through(sized, ctx, () => withTag(ctx)));
  const best = { contract: Number.POSITIVE_INFINITY, without: Number.POSITIVE_INFINITY };
  for (let block = 0; block < BLOCKS; block += 1) {
    best.contract = Math.min(best.contract, await measure(contract));
    best.without = Math.min(best.without, await measure(without));
  }
  const added = best.contract - best.without;
  const { statistics } = JSON.parse(
    await readFile(join(import.meta.dirname, 'results/requests.json'), 'utf8'),
  ) as { statistics: readonly Figure[] };
  const whole = statistics.find(({ name }) => name === 'GET one: Node')?.value ?? Number.NaN;
  return [
    {
      name: 'added to a GET of one row, of the Node of results/requests.json',
      value: added / whole,
      unit: 'x',
      target: 0.03,
    },
    { name: 'added', value: added, unit: 'us', target: null },
    { name: 'with', value: best.contract, unit: 'us', target: null },
    { name: 'without', value: best.without, unit: 'us', target: null },
  ];
}

await bench('contract', compare);
