import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { Browser, Page } from 'playwright-core';

import { servedProject } from '../fixture-app/served-project.ts';
import { createBrowserTest } from '../helpers/browser-tests.ts';
import { findChromium } from '../helpers/chromium.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

// Browsers treat each host below `localhost` as a site of its own, and send no SameSite cookie from another one.
const API_HOST = 'acme.browser.test';

const testInBrowser = createBrowserTest(test);

let world: World;
let service: TestService;
let pages: Server;
const originOf = (host: string): string => `http://${host}:${(pages.address() as AddressInfo).port}`;

test.before(async () => {
  if (findChromium() === null) {
    return;
  }
  pages = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end('<!doctype html><title>Front end</title>');
  });
  await new Promise<void>((listening) => {
    pages.listen(0, '127.0.0.1', listening);
  });
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'ann');
  await world.asOwner('insert into public.domains (domain, tenant_id) values ($1, $2)', [
    API_HOST,
    world.acme.id,
  ]);
  await world.asOwner('update public.tenants set settings = $2 where id = $1', [
    world.acme.id,
    {
      AUTH_COOKIES: true,
      CORS_ALLOWED_ORIGINS: `${originOf('app.browser.test')} ${originOf('other.localhost')}`,
      CORS_ALLOW_CREDENTIALS: true,
    },
  ]);
  service = await serve(world);
  await until(
    () => service.request(API_HOST, 'GET', '/api/notes/'),
    ({ status }) => status === 401,
  );
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
  pages?.close();
});

type Received = Readonly<{ status: number; csrf: string | null; body: Record<string, unknown> }>;

/** Sends a request as a script of the page, with credentials. Null: the browser hides the response from the script. */
const send = (
  page: Page,
  path: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<Received | null> =>
  page.evaluate(
    async ({ url, sent, added }) => {
      try {
        const response = await fetch(url, {
          method: 'POST',
          credentials: 'include',
          headers: { 'Content-Type': 'application/json', ...added },
          body: sent,
        });
        return {
          status: response.status,
          csrf: response.headers.get('X-CSRFToken'),
          body: (await response.json()) as Record<string, unknown>,
        };
      } catch {
        return null;
      }
    },
    {
      url: `http://${API_HOST}:${service.port}/api/auth/jwt/${path}/`,
      sent: JSON.stringify(body),
      added: headers,
    },
  );

async function openPage(browser: Browser, host: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(originOf(host));
  return page;
}

const LOGIN = { username: 'ann', password: PASSWORD };

testInBrowser(
  'a page of another origin of the same site logs in, refreshes and logs out with a cookie',
  async (t, browser) => {
    const page = await openPage(browser, 'app.browser.test');
    const login = await send(page, 'create', LOGIN);
    t.is(login?.status, 200);
    t.deepEqual(Object.keys(login?.body ?? {}), ['access'], 'no refresh token for scripts');
    t.is(await page.evaluate('document.cookie'), '', "the page reads no cookie of the tenant's host");
    t.is((await send(page, 'refresh', {}))?.status, 403, 'without the CSRF token');
    const refreshed = await send(page, 'refresh', {}, { 'X-CSRFToken': login?.csrf ?? '' });
    t.is(refreshed?.status, 200);
    t.is(typeof refreshed?.body.access, 'string');
    const csrf = { 'X-CSRFToken': refreshed?.csrf ?? login?.csrf ?? '' };
    t.is((await send(page, 'logout', {}, csrf))?.status, 200);
    t.is((await send(page, 'refresh', {}, csrf))?.status, 401, 'after the logout');
  },
);

testInBrowser(
  'pages of another site have no session, and those of an origin that is not allowed read no response',
  async (t, browser) => {
    const other = await openPage(browser, 'other.localhost');
    const login = await send(other, 'create', LOGIN);
    t.is(login?.status, 200, 'the origin is allowed');
    const refreshed = await send(other, 'refresh', {}, { 'X-CSRFToken': login?.csrf ?? '' });
    t.is(refreshed?.status, 401, 'the browser sends no SameSite cookie from another site');
    const evil = await openPage(browser, 'evil.browser.test');
    t.is(await send(evil, 'create', LOGIN), null);
  },
);
