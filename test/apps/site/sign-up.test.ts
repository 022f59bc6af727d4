import test from 'ava';

import { commands } from '../../../src/apps/site/commands.ts';
import type { CliDeps } from '../../../src/cli/framework/command.ts';
import { createFormClient } from '../../helpers/form-client.ts';
import { makeUser, PASSWORD, type TestService, until } from '../../helpers/server.ts';
import { createSignUpClient, SITE, type SignUpClient } from './sign-up-client.ts';
import { openSiteWorld, type SiteWorld } from './site-world.ts';

const HOSTILE = `"'><script>alert(1)</script>`;

let site: SiteWorld;
let service: TestService;
let client: SignUpClient;
test.before(async () => {
  site = await openSiteWorld();
  ({ service } = site);
  client = createSignUpClient(site);
});
test.after.always(() => site?.close());

test.serial('a sign-up is confirmed by mail, and its tenant is created for it', async (t) => {
  const first = await client.signUp('newco');
  t.is(first.status, 202);
  t.like(first.body, { status: 'unconfirmed', url: null });
  const path = new URL(first.body.status_url).pathname;
  t.like((await service.request(SITE, 'GET', path)).body, { status: 'unconfirmed', url: null });
  await site.work();
  t.is((await service.request('newco.localhost', 'GET', '/api/auth/users/me/')).status, 404);

  const token = await client.tokenOf('newco@example.com');
  const confirmed = await client.withWorker(t, () => client.confirm({ token }));
  t.is(confirmed.status, 201, confirmed.text);
  t.deepEqual(confirmed.body, { status: 'ready', url: 'http://newco.localhost/' });
  t.is(confirmed.headers.location, 'http://newco.localhost/');
  t.deepEqual((await service.request(SITE, 'GET', path)).body, confirmed.body);
  t.is((await client.post('/api/signup/confirm/', { token })).status, 201, 'repeating it changes nothing');
  t.deepEqual(await client.rowsOf('newco'), [{ state: 'ready', owner: null }]);

  const access = await service.logIn('newco.localhost', 'newco@example.com', PASSWORD);
  const me = await service.request('newco.localhost', 'GET', '/api/auth/users/me/', { token: access });
  t.is(me.body.email, 'newco@example.com');
  const [owner] = await site.world.asOwner(`select is_active, is_superuser from newco.users`);
  t.deepEqual(owner, { is_active: true, is_superuser: true });
});

test.serial('without a worker the response is 202, and the worker creates the tenant later', async (t) => {
  const { status, body } = await client.signUp('later');
  t.is(status, 202);
  const token = await client.tokenOf('later@example.com');
  const confirmed = await client.post('/api/signup/confirm/', { token });
  t.is(confirmed.status, 202);
  t.deepEqual(confirmed.body, { status: 'waiting', url: null });
  await site.work();
  const path = new URL(body.status_url).pathname;
  t.deepEqual((await service.request(SITE, 'GET', path)).body, {
    status: 'ready',
    url: 'http://later.localhost/',
  });
});

test.serial('of two sign-ups for one name one wins, and the other chooses a new name', async (t) => {
  t.is((await client.signUp('contested', { email: 'one@example.com' })).status, 202);
  t.is((await client.signUp('contested', { email: 'two@example.com' })).status, 202);
  const tokens = await Promise.all(['one@example.com', 'two@example.com'].map(client.tokenOf));
  const answers = await client.withWorker(t, () =>
    Promise.all(tokens.map((token) => client.confirm({ token }))),
  );
  t.deepEqual(answers.map(({ status }) => status).sort(), [201, 400]);
  const loser = answers[0]?.status === 400 ? 0 : 1;
  t.deepEqual(answers[loser]?.body, { slug: ['This address is already taken. Choose another one.'] });
  const again = await client.withWorker(t, () =>
    client.confirm({ token: tokens[loser], slug: 'uncontested' }),
  );
  t.is(again.status, 201, again.text);
  t.is(again.body.url, 'http://uncontested.localhost/');
  t.deepEqual(
    await site.world.asOwner(
      `select count(*)::integer as tenants from public.tenants where schema_name = 'contested'`,
    ),
    [{ tenants: 1 }],
  );
  const [user] = await site.world.asOwner(`select email from contested.users`);
  t.is(user?.email, ['one@example.com', 'two@example.com'][1 - loser]);
});

test.serial('unconfirmed sign-ups use no spare and no name, and expire', async (t) => {
  const count = async () =>
    (await site.world.asOwner(`select count(*)::integer as tenants from public.tenants`))[0]?.tenants;
  const before = await count();
  for (let index = 0; index < 10; index += 1) {
    t.is((await client.signUp('squatted', { email: `squatter${index}@example.com` })).status, 202);
  }
  await site.work();
  t.is(await count(), before);
  const token = await client.tokenOf('squatter3@example.com');
  await site.world.asOwner(
    `update site.signups set expires_at = now() - interval '1 s' where slug = 'squatted'`,
  );
  t.is((await client.post('/api/signup/confirm/', { token })).status, 400);
  await site.work();
  t.deepEqual(await client.rowsOf('squatted'), []);
});

test.serial('a worker that died after it created a tenant is repeated without damage', async (t) => {
  await client.signUp('repeated');
  const token = await client.tokenOf('repeated@example.com');
  await client.post('/api/signup/confirm/', { token });
  const [saved] = await client.rowsOf('repeated');
  await site.work();
  await site.world.asOwner(
    `update site.signups set state = 'waiting', owner = $1, taken_at = now() - interval '3 minutes' where slug = 'repeated'`,
    [JSON.stringify(saved?.owner)],
  );
  await site.work();
  t.deepEqual(await client.rowsOf('repeated'), [{ state: 'ready', owner: null }]);
});

test('rejects invalid, reserved and taken names', async (t) => {
  const invalid = /letters from a to z/;
  for (const [slug, message] of [
    ['', /may not be blank/],
    ['ab', invalid],
    ['1abc', invalid],
    ['-abc', invalid],
    ['abc-', invalid],
    ['a--b', invalid],
    ['xn--bcher-kva', invalid],
    ['bücher', invalid],
    ['аcme', invalid],
    ['a_b', invalid],
    ['a.b', invalid],
    ['ac me', invalid],
    ['a\u0000b', invalid],
    ['x'.repeat(41), /no more than 40|letters/],
    ['x'.repeat(60_000), /no more than 40/],
    [HOSTILE, invalid],
    ['www', /reserved/],
    ['admin', /reserved/],
    ['site', /reserved/],
    ['taboo', /reserved/],
    ['spare-a', /reserved/],
    ['unfinished-a', /reserved/],
    ['pg-catalog', /reserved/],
    ['xn-a', /reserved/],
    ['acme', /already taken/],
    ['ACME', /already taken/],
  ] as const) {
    const { status, body } = await client.signUp('x', { slug });
    t.is(status, 400, slug.slice(0, 50));
    t.regex(String(body.slug), message, slug.slice(0, 50));
  }
});

test('rejects missing, long and mistyped fields', async (t) => {
  const empty = await client.post('/api/signup/', {});
  t.deepEqual(Object.keys(empty.body).sort(), ['email', 'name', 'password', 'slug']);
  for (const [field, value] of [
    ['name', ''],
    ['name', 'x'.repeat(256)],
    ['name', 'a\r\nBcc: b@example.com'],
    ['name', 'a\u202eb'],
    ['name', ['a']],
    ['email', 'nobody'],
    ['email', 'a@example.com\r\nBcc: b@example.com'],
    ['email', 'a@example.com, b@example.com'],
    ['email', `${'x'.repeat(250)}@example.com`],
    ['email', {}],
    ['password', '12345678'],
    ['password', 'short'],
    ['password', 'x'.repeat(5_000)],
    ['password', null],
    ['slug', 7],
    ['invitation', 'x'.repeat(201)],
    ['invitation', 'forged.invitation'],
  ] as const) {
    const { status, body, text } = await client.signUp('valid', { [field]: value });
    t.is(status, 400, `${field} ${text}`);
    t.deepEqual(Object.keys(body), [field], text);
  }
});

test('the status and the link of another sign-up cannot be guessed', async (t) => {
  const { body } = await client.signUp('private');
  const path = new URL(body.status_url).pathname;
  const [, id = '', key = ''] = /([0-9a-f-]{36})\.([\w-]{22})\/$/.exec(path) ?? [];
  const other = (await client.signUp('another')).body.status_url.split('.').at(-1).replace('/', '');
  const token = await client.tokenOf('private@example.com');
  const signature = token.split('.')[1] ?? '';
  for (const wrong of [
    id,
    `${id}.`,
    `${id}.${other}`,
    `${id}.${key.slice(1)}`,
    `${id}.${key}x`,
    `${id}.${signature}`,
    "'",
    '%00',
  ]) {
    t.is((await service.request(SITE, 'GET', `/api/signup/${wrong}/`)).status, 404, wrong);
  }
  // The status URL does not confirm.
  for (const wrong of [
    id,
    `${id}.${key}`,
    `${id}.`,
    `${id}.${signature}.`,
    `${id}.${signature.slice(1)}`,
    '',
    'x'.repeat(200),
  ]) {
    t.is((await client.post('/api/signup/confirm/', { token: wrong })).status, 400, wrong);
  }
  t.deepEqual(
    (await client.rowsOf('private')).map(({ state }) => state),
    ['unconfirmed'],
  );
  t.false(JSON.stringify(service.requests).includes(`${id}.${key}`));
});

test.serial('an invitation confirms its address, once', async (t) => {
  const lines: string[] = [];
  await commands[0]?.run(
    { email: 'Guest@example.com' } as never,
    { ...site.cli, print: (line: string) => lines.push(line) } as unknown as CliDeps,
    [],
  );
  const url = new URL(lines[0] ?? '');
  t.is(url.pathname, '/signup');
  const invitation = url.searchParams.get('invitation');
  const closed = await site.serveWith({ SIGNUP: 'invite' });
  t.teardown(closed.close);
  const uninvited = await client.signUp('guests', { email: 'guest@example.com' }, closed);
  t.is(uninvited.status, 403);
  t.regex(uninvited.body.detail, /requires an invitation/);
  t.is((await client.signUp('guests', { email: 'other@example.com', invitation }, closed)).status, 400);
  const ready = await client.withWorker(t, async () => {
    const first = await client.signUp('guests', { email: 'guest@example.com', invitation }, closed);
    t.true(first.status === 201 || (first.status === 202 && first.body.status === 'waiting'), first.text);
    return until(
      () => service.request(SITE, 'GET', new URL(first.body.status_url).pathname),
      ({ body }) => body.status === 'ready',
    );
  });
  t.is(ready.body.url, 'http://guests.localhost/');
  const second = await client.signUp('guests2', { email: 'guest@example.com', invitation }, closed);
  t.deepEqual(second.body, { invitation: ['This invitation was used before.'] });
});

test('sign-up is off by default', async (t) => {
  const off = await site.serveWith({ SIGNUP: '' });
  t.teardown(off.close);
  t.is((await client.signUp('nope', {}, off)).status, 404);
  for (const path of ['/signup', '/api/signup/x/', '/signup/confirm/x']) {
    t.is((await createFormClient(off, SITE).get(path)).status, 404, path);
  }
});

test('floods from one address, to one mailbox and to one mail domain are throttled', async (t) => {
  const limited = await site.serveWith({
    THROTTLE_SIGNUP: '3/h',
    THROTTLE_SIGNUP_DOMAIN: '2/h',
    TRUST_PROXY: 'true',
  });
  t.teardown(limited.close);
  const from = (address: string, slug: string, email: string) =>
    limited.request(SITE, 'POST', '/api/signup/', {
      body: client.given(slug, { email }),
      headers: { 'X-Forwarded-For': address },
    });
  const statuses: number[] = [];
  for (const [index, domain] of ['a.example', 'b.example', 'c.example', 'd.example'].entries()) {
    statuses.push((await from('192.0.2.1', `flood-a${index}`, `x@${domain}`)).status);
  }
  t.deepEqual(statuses, [202, 202, 202, 429]);
  statuses.length = 0;
  for (let index = 0; index < 3; index += 1) {
    statuses.push((await from(`192.0.2.1${index}`, `flood-b${index}`, `x${index}@flood.example`)).status);
  }
  t.deepEqual(statuses, [202, 202, 429]);
});

test.serial(
  'find my workspace mails the list of an address, and its response is the same for every address',
  async (t) => {
    await makeUser(site.world, 'acme', 'finder', { email: 'Finder@example.com' });
    await makeUser(site.world, 'globex', 'finder', { email: 'finder@example.com' });
    const known = await client.post('/api/workspaces/find/', { email: 'finder@example.com' });
    const unknown = await client.post('/api/workspaces/find/', { email: 'nobody@example.com' });
    t.deepEqual([known.status, known.text], [204, '']);
    t.deepEqual([unknown.status, unknown.text], [204, '']);
    t.is(
      (await client.post('/api/workspaces/find/', { email: 'a@example.com\r\nBcc: x@example.com' })).status,
      400,
    );
    await site.work();
    const mail = await until(
      async () =>
        service.mails.find(({ to, subject }) => to === 'finder@example.com' && /workspaces/.test(subject)),
      (found) => found !== undefined,
    );
    t.truthy(
      mail,
      JSON.stringify([
        service.warnings,
        service.bugs,
        await site.world.asOwner('select * from site.workspace_searches'),
        await site.world.asOwner('select * from tenancy.due_work'),
      ]),
    );
    t.false(service.mails.some(({ to }) => to === 'nobody@example.com'));
    const browser = createFormClient(service, SITE);
    const pages = [
      await browser.submit('/workspaces', { email: 'finder@example.com' }),
      await browser.submit('/workspaces', { email: 'nobody@example.com' }),
    ];
    t.is(pages[0]?.text, pages[1]?.text);
    const remaining = await until(
      () => site.world.asOwner(`select 1 from site.workspace_searches where found is not null`),
      (rows) => rows.length === 0,
    );
    t.deepEqual(remaining, []);
  },
);

test.serial('the pages of sign-up work without scripts, and escape what they show', async (t) => {
  const browser = createFormClient(service, SITE);
  t.regex((await browser.get('/')).text, /href="\/signup"/);
  const wrong = await browser.submit('/signup', {
    name: HOSTILE,
    slug: HOSTILE,
    email: HOSTILE,
    password: HOSTILE,
    invitation: HOSTILE,
  });
  t.is(wrong.status, 400);
  t.false(wrong.text.includes('<script'));
  t.true(wrong.text.includes('&lt;script&gt;'));
  for (const path of [
    `/signup?${new URLSearchParams({ name: HOSTILE, slug: HOSTILE, email: HOSTILE, invitation: HOSTILE })}`,
    `/signup/confirm/${encodeURIComponent(HOSTILE)}`,
    `/signup/status/${encodeURIComponent(HOSTILE)}`,
    `/workspaces?email=${encodeURIComponent(HOSTILE)}`,
  ]) {
    const { text, headers } = await browser.get(path);
    t.regex(String(headers['content-type']), /^text\/html/, path);
    t.false(text.includes('<script'), path);
  }
  for (const path of ['/signup', '/workspaces', '/signup/confirm/x']) {
    t.is((await browser.post(path, { ...client.given('forged'), csrf_token: 'x' })).status, 403, path);
  }

  const sent = await browser.submit('/signup', client.given('paged', { name: HOSTILE }));
  t.is(sent.status, 200, sent.text);
  t.regex(sent.text, /Check your mail/);
  const path = `/signup/confirm/${await client.tokenOf('paged@example.com')}`;
  const page = await browser.get(path);
  t.regex(page.text, /Confirm your address/);
  t.false(page.text.includes('<script'));
  const done = await browser.submit(path);
  t.deepEqual([done.status, done.headers.location], [303, path]);
  const waiting = await browser.get(path);
  t.regex(waiting.text, /is being created/);
  t.is(waiting.headers.refresh, '3');
  await site.work();
  const ready = await browser.get(path);
  t.regex(ready.text, /href="http:\/\/paged\.localhost\/login"/);
  t.is(ready.headers.refresh, undefined);
});
