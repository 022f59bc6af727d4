import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import test from 'ava';
import { buildConsole } from '../../scripts/build-console.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { serve, type TestService } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { CONSOLE } from './fixture.ts';

const MAX_FIRST_PAGE = 250_000;
const HOSTS = ['localhost', 'acme.localhost'];

let world: World;
let service: TestService;
test.before(async (t) => {
  t.timeout(300_000);
  [world] = await Promise.all([openWorld({ project: servedProject }), buildConsole(CONSOLE)]);
  service = await serve(world);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

type Chunk = Readonly<{ file: string; isEntry?: boolean; imports?: string[]; dynamicImports?: string[] }>;

test('the JavaScript of each page that a browser can open first has at most 250 kB, compressed with gzip', async (t) => {
  const manifest: Record<string, Chunk> = JSON.parse(await readFile(join(CONSOLE, 'manifest.json'), 'utf8'));
  const [entry] = Object.entries(manifest).find(([, { isEntry }]) => isEntry) ?? [''];
  const sizes = new Map<string, number>();
  const sizeOf = async (name: string): Promise<number> => {
    const known = sizes.get(name) ?? gzipSync(await readFile(join(CONSOLE, name)), { level: 9 }).length;
    sizes.set(name, known);
    return known;
  };
  /** The files that a browser loads before these modules run. */
  const filesOf = (modules: readonly string[], seen = new Set<string>()): Set<string> => {
    for (const name of modules) {
      const chunk = manifest[name];
      if (chunk && !seen.has(chunk.file)) {
        seen.add(chunk.file);
        filesOf(chunk.imports ?? [], seen);
      }
    }
    return seen;
  };
  const pages = Object.values(manifest).flatMap(({ dynamicImports = [] }) => dynamicImports);
  t.true(pages.length > 10);
  for (const page of new Set(pages)) {
    const files = ['theme.js', ...filesOf([entry, page])].filter((name) => name.endsWith('.js'));
    const size = (await Promise.all(files.map(sizeOf))).reduce((sum, one) => sum + one, 0);
    t.true(size <= MAX_FIRST_PAGE, `${page}: ${size} bytes`);
    t.true(size > 20_000, page);
  }
});

test('every host serves the page at each of its paths, with a policy without inline scripts and styles', async (t) => {
  for (const host of HOSTS) {
    for (const path of ['/console/', '/console/tenants', '/console/tenants/acme', '/console/login?next=/x']) {
      const { status, headers, text } = await service.request(host, 'GET', path);
      t.is(status, 200, path);
      t.regex(text, /<div id="app">/);
      t.is(headers['content-type'], 'text/html; charset=utf-8');
      t.is(headers['cache-control'], 'no-cache');
      const policy = String(headers['content-security-policy']);
      t.regex(policy, /default-src 'none'/);
      t.regex(policy, /require-trusted-types-for 'script'/);
      t.notRegex(policy, /unsafe|\*|https?:/);
      const repeated = await service.request(host, 'GET', path, {
        headers: { 'If-None-Match': String(headers.etag) },
      });
      t.deepEqual([repeated.status, repeated.text], [304, '']);
    }
    const { status, headers } = await service.request(host, 'GET', '/console');
    t.deepEqual([status, headers.location], [302, '/console/']);
  }
});

test('files with a digest in their name are kept for a year, and sent as they were compressed', async (t) => {
  const { text } = await service.request('localhost', 'GET', '/console/');
  const path = /src="(\/console\/assets\/[^"]+\.js)"/.exec(text)?.[1] ?? '';
  const bytes = await readFile(join(CONSOLE, path.replace('/console/', '')));
  const send = async (encoding: string) => {
    const response = await fetch(`http://localhost:${service.port}${path}`, {
      headers: { 'Accept-Encoding': encoding },
    });
    t.is(response.status, 200);
    t.is(response.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    t.is(response.headers.get('content-type'), 'text/javascript; charset=utf-8');
    t.regex(String(response.headers.get('vary')), /Accept-Encoding/);
    return response;
  };
  // fetch() decompresses the body.
  for (const [accepted, encoding] of [
    ['br, gzip', 'br'],
    ['gzip', 'gzip'],
    ['identity', null],
  ] as const) {
    const response = await send(accepted);
    t.is(response.headers.get('content-encoding'), encoding);
    t.deepEqual(Buffer.from(await response.arrayBuffer()), bytes);
  }
  const file = join(CONSOLE, path.replace('/console/', ''));
  t.deepEqual(gunzipSync(await readFile(`${file}.gz`)), bytes);
  t.deepEqual(brotliDecompressSync(await readFile(`${file}.br`)), bytes);
});

test('nothing else is served', async (t) => {
  for (const path of [
    '/console/assets/none.js',
    '/console/manifest.json',
    '/console/sources.txt',
    '/console/index.html.gz',
    '/console/../package.json',
    '/console/..%2fpackage.json',
    '/console/%2e%2e/package.json',
    '/console/assets/',
    '/consoles',
  ]) {
    const { status, text } = await service.request('localhost', 'GET', path);
    t.is(status, 404, path);
    t.notRegex(text, /koa-tenants/);
  }
  t.is((await service.request('localhost', 'POST', '/console/')).status, 404);
});

test('CONSOLE=off serves no console', async (t) => {
  const without = await serve(world, { CONSOLE: 'off' });
  t.teardown(without.close);
  for (const host of HOSTS) {
    for (const path of ['/console', '/console/', '/console/theme.js']) {
      t.is((await without.request(host, 'GET', path)).status, 404, path);
    }
  }
});
