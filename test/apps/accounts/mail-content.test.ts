import test from 'ava';
import { makeUser, PASSWORD, serve, type TestService, until } from '../../helpers/server.ts';
import { bodyOf, type CaughtMail, catchMail, headersOf, type SmtpCatcher } from '../../helpers/smtp.ts';
import { type Member, openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

let world: World;
let catcher: SmtpCatcher;
let service: TestService;
test.before(async () => {
  world = await openWorld({ project });
  catcher = await catchMail();
  service = await serve(world, {
    SMTP_URL: catcher.url,
    EMAIL_FRONTEND_PROTOCOL: 'https',
    TRUST_PROXY: 'true',
    SEND_ACTIVATION_EMAIL: 'true',
    SEND_CONFIRMATION_EMAIL: 'true',
    PASSWORD_CHANGED_EMAIL_CONFIRMATION: 'true',
    USERNAME_CHANGED_EMAIL_CONFIRMATION: 'true',
  });
});
test.after.always(async () => {
  await service?.close();
  await catcher?.close();
  await world?.close();
});

const post = (
  host: string,
  path: string,
  body: object,
  headers: Record<string, string> = {},
  token?: string,
) => service.request(host, 'POST', `/api/auth/users/${path}`, { body, headers, token });

const mailsTo = (address: string, count: number): Promise<CaughtMail[]> =>
  until(
    async () => catcher.to(address),
    (found) => found.length >= count,
  );

const linksOf = (mail: CaughtMail | undefined): string[] =>
  mail ? (bodyOf(mail).match(/[a-z]+:\/\/[^\s"<]+/g) ?? []) : [];

/** With a name that the constraint rejects: mail must not rely on it. */
const rename = async (tenant: Member, name: string) => {
  await world.asOwner('alter table public.tenants drop constraint if exists tenants__name_form');
  await world.asOwner('update public.tenants set name = $2 where id = $1', [tenant.id, name]);
};

test('the name of a tenant adds neither a header nor markup to a mail', async (t) => {
  const tenant = await world.provision('crafty');
  await rename(
    tenant,
    'Ev"il\r\nBcc: victim@example.com\r\n\r\n<img src=x onerror=alert(1)>\u2028\u202e</title></p><script>alert(2)</script>',
  );
  const email = 'ann@crafty.example';
  const { id, username } = await makeUser(world, tenant.schema, 'ann', { email });
  const token = await service.logIn(tenant.host, username, PASSWORD);
  await post(tenant.host, 'reset_password/', { email });
  await post(tenant.host, 'reset_username/', { email });
  await post(tenant.host, 'set_username/', { current_password: PASSWORD, new_username: 'anna' }, {}, token);
  await post(
    tenant.host,
    'set_password/',
    { current_password: PASSWORD, new_password: 'quite another password' },
    {},
    token,
  );
  await post(tenant.host, '', { username: 'bob', email: 'bob@crafty.example', password: PASSWORD });
  const mails = [...(await mailsTo(email, 4)), ...(await mailsTo('bob@crafty.example', 1))];
  t.is(mails.length, 5, `of user ${id}`);
  for (const mail of mails) {
    t.is(mail.to.length, 1);
    const headers = headersOf(mail);
    const names = headers.map((line) => line.split(':')[0]?.toLowerCase());
    t.is(new Set(names).size, names.length, headers.join('\n'));
    for (const name of ['bcc', 'cc', 'reply-to']) {
      t.false(names.includes(name), name);
    }
    t.deepEqual(
      headers.filter((line) => line.startsWith('To:')),
      [`To: ${mail.to[0]}`],
    );
    t.is(mail.from, 'no-reply@localhost');
    const page = bodyOf(mail).split('<!doctype html>')[1] ?? '';
    t.notRegex(page, /<(img|script|\/title><\/p)/i);
    t.true(page.includes('&lt;img'));
    t.notRegex(bodyOf(mail), /[\u2028\u202e]/);
  }
});

test('a link points to the primary domain of the tenant, whatever host was requested', async (t) => {
  const tenant = await world.provision('linked');
  await world.asOwner(
    `insert into public.domains (tenant_id, domain, is_primary) values ($1, 'second.linked.example', false)`,
    [tenant.id],
  );
  await makeUser(world, tenant.schema, 'ann', { email: 'ann@linked.example' });
  const email = 'ann@linked.example';
  let sent = 0;
  for (const [host, headers] of [
    [tenant.host, {}],
    [`${tenant.host}:8080`, {}],
    [tenant.host.toUpperCase(), {}],
    ['second.linked.example', {}],
    ['globex.localhost', { 'X-Forwarded-Host': tenant.host }],
    [tenant.host, { 'X-Forwarded-Proto': 'http', 'X-Forwarded-Port': '81' }],
    [tenant.host, { Origin: 'https://evil.example', Referer: 'https://evil.example/' }],
    [
      tenant.host,
      { Forwarded: 'host=evil.example', 'X-Host': 'evil.example', 'X-Original-Host': 'evil.example' },
    ],
  ] as const) {
    const { status } = await until(
      () => post(host, 'reset_password/', { email }, headers),
      (answer) => answer.status === 204,
    );
    t.is(status, 204, host);
    sent += 1;
    const mail = (await mailsTo(email, sent))[sent - 1];
    const links = linksOf(mail);
    t.true(links.length >= 2);
    for (const link of links) {
      t.true(link.startsWith(`https://${tenant.host}/password/reset/confirm/`), link);
    }
  }
});

test('sends no mail for an unknown account or one without an address', async (t) => {
  const tenant = await world.provision('nobody');
  await makeUser(world, tenant.schema, 'silent', { email: '' });
  await makeUser(world, tenant.schema, 'ann', { email: 'ann@nobody.example' });
  for (const path of ['reset_password/', 'reset_username/', 'resend_activation/']) {
    t.is((await post(tenant.host, path, { email: 'stranger@nobody.example' })).status, 204);
  }
  await post(tenant.host, 'reset_password/', { email: 'ANN@nobody.example' });
  // To the address of the account, not to the typed one.
  t.is((await mailsTo('ann@nobody.example', 1)).length, 1);
  t.deepEqual(
    catcher.mails.flatMap(({ to }) => to).filter((to) => /nobody\.example/.test(to)),
    ['ann@nobody.example'],
  );
  t.deepEqual(
    await until(
      () => world.asOwner(`select from ${tenant.schema}.outbox`),
      (rows) => rows.length === 0,
    ),
    [],
  );
});

test('notifies the previous address when an account changes its address', async (t) => {
  const tenant = await world.provision('moved');
  await world.asOwner(
    `update public.tenants
     set settings = '{"LOGIN_FIELD": "email", "SEND_ACTIVATION_EMAIL": false}'
     where id = $1`,
    [tenant.id],
  );
  await makeUser(world, tenant.schema, 'ann', { email: 'old@moved.example' });
  const { body } = await until(
    () =>
      service.request(tenant.host, 'POST', '/api/auth/jwt/create/', {
        body: { email: 'old@moved.example', password: PASSWORD },
      }),
    ({ status }) => status === 200,
  );
  const { status } = await post(
    tenant.host,
    'set_email/',
    { current_password: PASSWORD, new_email: 'new@moved.example' },
    {},
    body.access,
  );
  t.is(status, 204);
  t.is((await mailsTo('old@moved.example', 1)).length, 1);
  t.is(catcher.to('new@moved.example').length, 0);
});

test('a link has the protocol and the port of the front end', async (t) => {
  const email = 'ann@ported.example';
  // In a separate world, because both services would send this world's mail.
  const other = await openWorld({ project });
  t.teardown(other.close);
  await makeUser(other, 'globex', 'ported', { email });
  const plain = await serve(other, { EMAIL_FRONTEND_PROTOCOL: 'http', EMAIL_FRONTEND_PORT: '3000' });
  t.teardown(plain.close);
  await plain.request('globex.localhost', 'POST', '/api/auth/users/reset_password/', { body: { email } });
  const mails = await until(
    async () => plain.mails,
    (found) => found.length > 0,
  );
  t.regex(String(mails[0]?.link), /^http:\/\/globex\.localhost:3000\/password\/reset\/confirm\//);
});
