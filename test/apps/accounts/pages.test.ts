import test from 'ava';

import { createFormClient, type FormClient } from '../../helpers/form-client.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const ACME = 'acme.localhost';
const FRESH = 'another quite long password';
const HOSTILE = `"'><script>alert(1)</script>`;

let world: World;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project });
  service = await serve(world, { SEND_ACTIVATION_EMAIL: 'true' });
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const openBrowser = (host = ACME): FormClient => createFormClient(service, host);

/** Logs a new user in and returns the browser. */
async function logIn(username: string, host = ACME): Promise<FormClient> {
  const browser = openBrowser(host);
  const { status, headers } = await browser.submit('/login', { username, password: PASSWORD });
  if (status !== 303 || headers.location !== '/account') {
    throw new Error(`The login of ${username} returned ${status}.`);
  }
  return browser;
}

/** The path of the newest link that was mailed to an address. */
async function mailedPath(address: string, from = 0): Promise<string> {
  const mail = await until(
    async () => service.mails.slice(from).findLast(({ to }) => to === address),
    (found) => found !== undefined,
  );
  return new URL(mail?.link ?? '').pathname;
}

test('a user registers, activates, logs in, resets a forgotten password and logs out', async (t) => {
  const email = 'journey@example.com';
  const registered = await service.request(ACME, 'POST', '/api/auth/users/', {
    body: { username: 'journey', email, password: PASSWORD },
  });
  t.is(registered.status, 201);
  const browser = openBrowser();
  t.is((await browser.get('/')).headers.location, '/account');
  t.is((await browser.get('/account')).headers.location, '/login?next=%2Faccount');

  const early = await browser.submit('/login', { username: 'journey', password: PASSWORD });
  t.is(early.status, 400);
  t.regex(early.text, /or the account is not active/);

  const activation = await mailedPath(email);
  t.is((await browser.get(activation)).status, 200);
  const stillInactive = await browser.submit('/login', { username: 'journey', password: PASSWORD });
  t.is(stillInactive.status, 400, 'GET of a link changes nothing');
  const activated = await browser.submit(activation);
  t.deepEqual([activated.status, activated.headers.location], [303, '/login?notice=activated']);
  t.regex((await browser.get('/login?notice=activated')).text, /Your account is active/);
  const again = await browser.get(activation);
  t.is(again.status, 400);
  t.regex(again.text, /This link is not valid/);

  const login = await browser.submit('/login?next=/account/password', {
    username: 'journey',
    password: PASSWORD,
  });
  t.deepEqual([login.status, login.headers.location], [303, '/account/password']);
  t.regex((await browser.get('/account')).text, /journey@example\.com/);
  t.is((await browser.submit('/account', {}, '/logout')).headers.location, '/login?notice=logged-out');
  t.is((await browser.get('/account')).status, 303);

  const sent = service.mails.length;
  const requested = await browser.submit('/password/reset', { email });
  t.is(requested.status, 200);
  const reset = await mailedPath(email, sent);
  t.regex(reset, /^\/password\/reset\/confirm\//);
  const weak = await browser.submit(reset, { new_password: '12345678' });
  t.is(weak.status, 400);
  t.regex(weak.text, /This password is too common/);
  t.is((await browser.submit(reset, { new_password: FRESH })).headers.location, '/login?notice=new-password');
  t.is((await browser.submit('/login', { username: 'journey', password: FRESH })).status, 303);
});

test('a page for a login name changes it', async (t) => {
  await makeUser(world, 'acme', 'renamed');
  const browser = openBrowser();
  await browser.submit('/username/reset', { email: 'renamed@example.com' });
  const path = await mailedPath('renamed@example.com');
  const wrong = await browser.submit(path, { new_username: HOSTILE });
  t.is(wrong.status, 400);
  t.regex(wrong.text, /Enter a valid username/);
  t.is((await browser.submit(path, { new_username: 'new_name' })).headers.location, '/login?notice=new-name');
  t.is((await browser.submit('/login', { username: 'new_name', password: PASSWORD })).status, 303);
});

test('a changed password ends all sessions, and a wrong current one is reported at its field', async (t) => {
  await makeUser(world, 'acme', 'changer');
  const browser = await logIn('changer');
  const other = await logIn('changer');
  const wrong = await browser.submit('/account/password', { current_password: 'no', new_password: FRESH });
  t.is(wrong.status, 400);
  t.regex(wrong.text, /id="current_password-fault">Invalid password\./);
  const changed = await browser.submit('/account/password', {
    current_password: PASSWORD,
    new_password: FRESH,
  });
  t.is(changed.headers.location, '/login?notice=new-password');
  t.is((await browser.get('/account')).status, 303);
  t.is((await other.get('/account')).status, 303);
});

test('the response to a request for a mail does not depend on the address', async (t) => {
  await makeUser(world, 'acme', 'known');
  for (const path of ['/password/reset', '/username/reset', '/activate']) {
    const [known, unknown] = [openBrowser(), openBrowser()];
    const first = await known.submit(path, { email: 'known@example.com' });
    const second = await unknown.submit(path, { email: 'nobody@example.com' });
    t.deepEqual([first.status, first.text], [second.status, second.text], path);
    t.is(first.status, 200);
  }
});

test('a form without its token, or from another site, is rejected and changes nothing', async (t) => {
  await makeUser(world, 'acme', 'victim');
  await makeUser(world, 'globex', 'mallory');
  const browser = await logIn('victim');
  const page = await browser.get('/account/password');
  const [, token = ''] = /name="csrf_token" value="([^"]+)"/.exec(page.text) ?? [];
  const fields = { current_password: PASSWORD, new_password: FRESH };
  const ofGlobex = openBrowser('globex.localhost');
  const [, foreign = ''] =
    /name="csrf_token" value="([^"]+)"/.exec((await ofGlobex.get('/login')).text) ?? [];
  const attempts: ReadonlyArray<readonly [Record<string, string>, Record<string, string>]> = [
    [{}, {}],
    [{ csrf_token: '' }, {}],
    [{ csrf_token: `${token.slice(0, -1)}~` }, {}],
    [{ csrf_token: foreign }, {}],
    // Another subdomain set its own cookie on this host.
    [
      { csrf_token: foreign },
      { Cookie: `form=${ofGlobex.cookies.get('form')}; refresh=${browser.cookies.get('refresh')}` },
    ],
    [{ csrf_token: token }, { Origin: 'http://globex.localhost' }],
    [{ csrf_token: token }, { Origin: 'null' }],
    [{ csrf_token: token }, { 'Sec-Fetch-Site': 'cross-site' }],
    [{ csrf_token: token }, { 'Sec-Fetch-Site': 'same-site' }],
  ];
  for (const [sent, headers] of attempts) {
    const answer = await browser.post('/account/password', { ...fields, ...sent }, headers);
    t.is(answer.status, 403, JSON.stringify([sent, headers]));
    t.regex(answer.text, /CSRF Failed/);
  }
  for (const path of ['/login', '/logout', '/password/reset', '/username/reset', '/activate']) {
    t.is(
      (await openBrowser().post(path, { username: 'victim', password: PASSWORD, email: 'a@b.co' })).status,
      403,
      path,
    );
  }
  const json = await service.request(ACME, 'POST', '/login', {
    body: { username: 'victim', password: PASSWORD },
  });
  t.is(json.status, 415);
  t.is((await browser.get('/account')).status, 200);
  t.is((await openBrowser().submit('/login', { username: 'victim', password: PASSWORD })).status, 303);
});

test('the login never leads to another host', async (t) => {
  await makeUser(world, 'acme', 'lured');
  for (const next of [
    '//evil.example',
    '/\\evil.example',
    '/.//evil.example',
    '/x/..//evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    '\t//evil.example',
    '/\t/evil.example',
    '/%0d%0aSet-Cookie:x',
    '@evil.example',
    '',
  ]) {
    const { status, headers } = await openBrowser().submit(`/login?next=${encodeURIComponent(next)}`, {
      username: 'lured',
      password: PASSWORD,
    });
    t.is(status, 303, next);
    t.regex(String(headers.location), /^\/(account|%0d%0aSet-Cookie:x)$/, next);
  }
});

test('every page escapes what it shows', async (t) => {
  await makeUser(world, 'acme', 'plain');
  const browser = await logIn('plain');
  await world.asOwner(`update acme.users set username = 'plain', email = $1 where username = 'plain'`, [
    HOSTILE,
  ]);
  const query = `?next=${encodeURIComponent(`/${HOSTILE}`)}&notice=${encodeURIComponent(HOSTILE)}`;
  const anonymous = openBrowser();
  const pages = [
    await browser.get('/account'),
    await anonymous.get(`/login${query}`),
    await anonymous.get(`/${encodeURIComponent(HOSTILE)}`),
    await anonymous.get(`/api/auth/users/${encodeURIComponent(HOSTILE)}/`),
    await anonymous.get(`/activate/${encodeURIComponent(HOSTILE)}/${encodeURIComponent(HOSTILE)}`),
    await service.request('acme.localhost', 'GET', '/login', {
      headers: { Accept: 'text/html', 'X-Request-Id': HOSTILE },
    }),
  ];
  const values = {
    username: HOSTILE,
    password: HOSTILE,
    email: HOSTILE,
    new_password: HOSTILE,
    uid: HOSTILE,
    token: HOSTILE,
  };
  for (const path of ['/login', '/password/reset', '/username/reset', '/activate']) {
    pages.push(await anonymous.submit(path, values));
  }
  pages.push(await browser.submit('/account/password', { ...values, current_password: HOSTILE }));
  for (const { text, headers } of pages) {
    t.regex(String(headers['content-type']), /^text\/html/);
    t.false(text.includes('<script'), text);
    t.regex(String(headers['content-security-policy']), /default-src 'none'; style-src 'self'/);
  }
  t.true(pages[0]?.text.includes('&lt;script&gt;'));
});

test('a link in the form of a tenant setting opens a page, and a secret path is not logged', async (t) => {
  await makeUser(world, 'acme', 'linked');
  await openBrowser().submit('/password/reset', { email: 'linked@example.com' });
  const path = await mailedPath('linked@example.com');
  t.is((await openBrowser().get(path)).status, 200);
  const { status } = await openBrowser('nobody.localhost').get(path);
  t.is(status, 404);
  const token = path.split('/').at(-1) ?? '';
  t.false(JSON.stringify(service.requests).includes(token));

  const own = await serve(world, {
    PASSWORD_RESET_CONFIRM_URL: 'auth/new-password?id={uid}&key={token}',
    ACTIVATION_URL: '#/activate/{uid}/{token}',
  });
  t.teardown(own.close);
  const [, , , , uid = ''] = path.split('/');
  const client = createFormClient(own, ACME);
  t.is((await client.get(`/auth/new-password?id=${uid}&key=${token}`)).status, 200);
  t.is((await client.get(`/auth/new-password?id=${uid}`)).status, 404);

  const without = await serve(world, { ACCOUNT_PAGES: 'false' });
  t.teardown(without.close);
  for (const one of ['/', '/login', path]) {
    t.is((await createFormClient(without, ACME).get(one)).status, 404, one);
  }
});

test('pages reject other methods and malformed bodies', async (t) => {
  const browser = openBrowser();
  const put = await service.request(ACME, 'PUT', '/login', { headers: { Accept: 'text/html' } });
  t.deepEqual([put.status, put.headers.allow], [405, 'GET, HEAD, POST']);
  await browser.get('/login');
  const long = await browser.submit('/login', { username: 'x'.repeat(10_000), password: 'y' });
  t.is(long.status, 400);
  t.is((await browser.submit('/login', { username: 'x', password: 'y'.repeat(70_000) })).status, 413);
  t.is((await browser.submit('/login', {})).status, 400);
  t.is((await browser.submit('/password/reset', { email: 'a@b.co\r\nBcc: evil@example.com' })).status, 400);
});
