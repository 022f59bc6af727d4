import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import Koa from 'koa';
import { parseTrustedProxies } from '../../src/config/trusted-proxies.ts';
import { trustProxy } from '../../src/http/middleware/trust-proxy.ts';
import fc from '../helpers/fast-check.ts';
import { sendRequest } from '../helpers/server.ts';

type Seen = { ip: string; protocol: string; host: string };
const own: Seen = { ip: '127.0.0.1', protocol: 'http', host: 'acme.localhost' };

/** Returns what an app with the trusted proxies `trust` reads of requests from this machine. */
async function behind(trust: string): Promise<{
  see: (headers: Record<string, string>) => Promise<Seen>;
  close: () => void;
}> {
  const trusted = parseTrustedProxies(trust);
  const app = new Koa({ proxy: trusted !== null });
  if (trusted) {
    app.use(trustProxy({ trusted }) as never);
  }
  app.use((ctx) => {
    ctx.body = { ip: ctx.ip, protocol: ctx.protocol, host: ctx.host };
  });
  const server = createServer(app.callback()).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as AddressInfo;
  return {
    see: async (headers) => (await sendRequest(port, own.host, 'GET', '/', { headers })).body,
    close: () => void server.close(),
  };
}

const forwarded = (addresses: string, protocol: string, host: string): Record<string, string> => ({
  'X-Forwarded-For': addresses,
  'X-Forwarded-Proto': protocol,
  'X-Forwarded-Host': host,
});

for (const [trust, headers, seen, why] of [
  ['false', forwarded('192.0.2.1', 'https', 'globex.localhost'), own, 'ignores forwarded headers'],
  ['true', {}, own, 'a proxy without forwarded headers'],
  [
    'true',
    forwarded('192.0.2.1', 'https', 'b.test'),
    { ip: '192.0.2.1', protocol: 'https', host: 'b.test' },
    'one proxy',
  ],
  [
    '1',
    forwarded('198.51.100.1, 192.0.2.1', 'https', 'b.test'),
    { ip: '192.0.2.1', protocol: 'https', host: 'b.test' },
    'uses the address added by the nearest proxy',
  ],
  [
    '1',
    forwarded('192.0.2.1', 'http, https', 'forged.test, b.test'),
    { ip: '192.0.2.1', protocol: 'https', host: 'b.test' },
    'a proxy that appends',
  ],
  [
    '2',
    forwarded('203.0.113.9, 192.0.2.1, 198.51.100.1', 'https', 'b.test'),
    { ip: '192.0.2.1', protocol: 'https', host: 'b.test' },
    'two proxies',
  ],
  [
    '2',
    forwarded('203.0.113.9, 192.0.2.1, 198.51.100.1', 'http, https, http', 'x.test, b.test, in.test'),
    { ip: '192.0.2.1', protocol: 'https', host: 'b.test' },
    'two proxies that append',
  ],
  [
    '127.0.0.1',
    forwarded('192.0.2.1', 'https', 'b.test'),
    { ip: '192.0.2.1', protocol: 'https', host: 'b.test' },
    'trusts a proxy by address',
  ],
  [
    'loopback, 198.51.100.0/24',
    forwarded('203.0.113.9, 192.0.2.1, 198.51.100.7', 'https', 'b.test'),
    { ip: '192.0.2.1', protocol: 'https', host: 'b.test' },
    'trusts proxies by network',
  ],
  [
    '10.0.0.0/8',
    forwarded('192.0.2.1', 'https', 'b.test'),
    own,
    'ignores forwarded headers of another address',
  ],
  [
    '::1,2001:db8::/32',
    forwarded('192.0.2.1', 'https', 'b.test'),
    own,
    'ignores forwarded headers of another address family',
  ],
] as const) {
  test(`TRUST_PROXY=${trust}: ${why}`, async (t) => {
    const { see, close } = await behind(trust);
    t.teardown(close);
    t.deepEqual(await see({ ...headers }), { ...seen });
  });
}

test('uses only the headers of the trusted proxy, whatever a client sends', async (t) => {
  const { see, close } = await behind('1');
  t.teardown(close);
  const word = fc.stringMatching(/^[a-zA-Z0-9.:, "=;-]{0,30}$/);
  await fc.assert(
    fc.asyncProperty(word, word, word, async (addresses, protocol, host) => {
      const forged = forwarded(`${addresses},192.0.2.1`, `${protocol},https`, `${host},b.test`);
      t.deepEqual(
        await see({ ...forged, Forwarded: 'for=203.0.113.1;proto=http', 'X-Real-IP': '203.0.113.1' }),
        {
          ip: '192.0.2.1',
          protocol: 'https',
          host: 'b.test',
        },
      );
    }),
    { numRuns: 200 },
  );
});
