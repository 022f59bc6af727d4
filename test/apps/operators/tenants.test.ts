import test from 'ava';

import { until } from '../../helpers/server.ts';
import { type OperatorsWorld, openOperatorsWorld } from './operators-world.ts';

const HOSTILE = `<script>alert("x")</script> & 'quotes'`;

let opened: OperatorsWorld;
test.before(async () => {
  opened = await openOperatorsWorld();
  const { world } = opened;
  await world.asOwner(`update public.tenants set name = $1 where schema_name = 'globex'`, [HOSTILE]);
  await world.asOwner(`update public.tenants set status = 'suspended' where schema_name = 'globex'`);
  await world.asOwner(`update acme.users set first_name = $1, last_name = 'Ånn' where username = 'ann'`, [
    HOSTILE,
  ]);
  await world.asOwner(
    `insert into tenancy.migration_failures (tenant_id, migration, error, error_without_values, attempts, failed_at)
     values ($1, '20261201000000000_notes', 'invalid input: "of a row"', 'SQLSTATE 22P02.', 1, now())`,
    [world.globex.id],
  );
});
test.after.always(() => opened?.close());

const schemas = async (query: string) =>
  (await opened.ask('GET', `/api/tenants/?${query}`)).body.results.map(
    ({ schema }: { schema: string }) => schema,
  );

test.serial('lists tenants with search, filters and order, without the public site', async (t) => {
  const { status, body } = await opened.ask('GET', '/api/tenants/');
  t.is(status, 200);
  t.deepEqual([body.count, body.next, body.previous], [2, null, null]);
  t.like(body.results[0], {
    schema: 'acme',
    status: 'active',
    domain: 'acme.localhost',
    domains_count: 1,
    is_current: true,
    failed_migration: null,
  });
  t.like(body.results[1], { name: HOSTILE, failed_migration: '20261201000000000_notes' });
  t.deepEqual(await schemas('search=GLOBEX.local'), ['globex']);
  t.deepEqual(await schemas(`search=${encodeURIComponent('<script>')}`), ['globex']);
  for (const nothing of ['%', '_', '\\', "' or 1=1--"]) {
    t.deepEqual(await schemas(`search=${encodeURIComponent(nothing)}`), [], nothing);
  }
  t.deepEqual(await schemas('status=suspended'), ['globex']);
  t.deepEqual(await schemas('failed=true'), ['globex']);
  t.deepEqual(await schemas('failed=false'), ['acme']);
  t.deepEqual(await schemas('version=none'), []);
  t.deepEqual(await schemas('plan=team'), []);
  t.deepEqual(await schemas('ordering=-schema'), ['globex', 'acme']);
  t.deepEqual(await schemas('ordering=created_at'), ['acme', 'globex']);
  t.deepEqual(await schemas('ordering=-status'), ['globex', 'acme']);
  t.deepEqual(await schemas('ordering=password'), ['acme', 'globex']);
  t.is((await schemas('ordering=-size_bytes')).length, 2);
  t.deepEqual(await schemas('page_size=1&page=2'), ['globex']);
  t.is((await opened.ask('GET', '/api/tenants/?failed=maybe')).status, 400);
  t.is((await opened.ask('GET', '/api/tenants/?search=%00')).status, 400);
});

test.serial('shows a tenant with domains, settings and the error of its migration', async (t) => {
  const { status, body } = await opened.ask('GET', '/api/tenants/globex/');
  t.is(status, 200);
  t.like(body, {
    schema: 'globex',
    name: HOSTILE,
    status: 'suspended',
    database: 'main',
    last_error: { migration: '20261201000000000_notes', message: 'invalid input: "of a row"', attempts: 1 },
    payments: [],
  });
  t.like(body.domains[0], { domain: 'globex.localhost', is_primary: true });
  const field = body.settings.find(({ name }: { name: string }) => name === 'LOGIN_FIELD');
  t.deepEqual(field, { name: 'LOGIN_FIELD', value: 'username', default: 'username', is_overridden: false });
  t.false('id' in body);
  for (const schema of ['nobody', 'tenancy', 'public', 'GLOBEX', "globex'", '__proto__']) {
    t.is((await opened.ask('GET', `/api/tenants/${schema}/`)).status, 404, schema);
  }
});

test.serial(
  'stored settings that this release does not accept take down neither the tenant nor the list',
  async (t) => {
    const { world, ask } = opened;
    const { settings } = (await ask('GET', '/api/tenants/acme/')).body;
    const names: string[] = settings.map(({ name }: { name: string }) => name);
    for (const value of [null, {}, [], 'x', -1, true, { points: 'x' }]) {
      const stored = Object.fromEntries([...names, 'REMOVED', '__proto__'].map((name) => [name, value]));
      await world.asOwner(`update public.tenants set settings = $1 where schema_name = 'acme'`, [
        JSON.stringify(stored),
      ]);
      const { status, body } = await ask('GET', '/api/tenants/acme/');
      t.is(status, 200, JSON.stringify(value));
      const removed = body.settings.find(({ name }: { name: string }) => name === 'REMOVED');
      t.deepEqual(removed, { name: 'REMOVED', value, default: null, is_overridden: true });
      t.is((await ask('GET', '/api/tenants/')).body.count, 2);
      t.is((await ask('GET', '/api/tenants/acme/members/')).status, 200);
      t.is((await ask('GET', '/api/mail/')).status, 200);
    }
    await world.asOwner(`update public.tenants set settings = '{}' where schema_name = 'acme'`);
  },
);

test.serial('a page far behind the last one is not found', async (t) => {
  for (const list of ['tenants', 'operations', 'audit', 'mail', 'tenants/acme/members']) {
    const { status, body } = await opened.ask('GET', `/api/${list}/?page=999999999&page_size=100`);
    t.deepEqual([status, body], [404, { detail: 'Invalid page.' }], list);
  }
});

test.serial('lists the members of one tenant, with search and pages', async (t) => {
  const names = async (path: string) =>
    (await opened.ask('GET', path)).body.results.map(({ username }: { username: string }) => username);
  t.deepEqual(await names('/api/tenants/acme/members/'), ['boss', 'ann']);
  t.deepEqual(await names('/api/tenants/acme/members/?search=%3Cscript'), ['ann']);
  t.deepEqual(await names('/api/tenants/acme/members/?search=ANN@'), ['ann']);
  t.deepEqual(await names('/api/tenants/acme/members/?page_size=1&page=last'), ['ann']);
  const { text, body } = await opened.ask('GET', '/api/tenants/acme/members/');
  t.false(text.includes('argon2'));
  t.is(body.results[1].first_name, HOSTILE);
  t.is((await opened.ask('GET', '/api/tenants/nobody/members/')).status, 404);
  // A suspended tenant has members too.
  t.deepEqual(await names('/api/tenants/globex/members/'), ['boss', 'ann']);
});

test.serial('members of the public site are not members of a tenant', async (t) => {
  const { status } = await opened.ask('GET', '/api/tenants/site/members/');
  t.is(status, 409);
});

test.serial('mails a member the usual link, and returns neither the link nor a password', async (t) => {
  const { body } = await opened.ask('GET', '/api/tenants/acme/members/?search=ann');
  const [{ id }] = body.results;
  const path = `/api/tenants/acme/members/${id}/reset-password/`;
  const sent = await opened.ask('POST', path, { token: opened.tokens.staff });
  t.deepEqual([sent.status, sent.text], [204, '']);
  const mails = await until(
    async () => opened.service.mails.filter(({ to }) => to === 'ann@example.com'),
    (found) => found.length > 0,
  );
  t.regex(mails[0]?.link ?? '', /^http:\/\/acme\.localhost\//);
  const { body: audit } = await opened.ask('GET', '/api/audit/?action=reset-password');
  t.like(audit.results[0], {
    actor: 'clerk',
    source: 'api',
    tenant: 'acme',
    address: '127.0.0.1',
    after: { user_id: id, username: 'ann' },
  });
  t.false(JSON.stringify(audit).includes(mails[0]?.link?.split('/').at(-1) ?? '/'));
});

test.serial('sends no link to users who cannot use one, nor to unknown ones', async (t) => {
  await opened.world.asOwner(`update acme.users set is_active = false where username = 'boss'`);
  const { body } = await opened.ask('GET', '/api/tenants/acme/members/?search=boss');
  const reset = (schema: string, id: number | string) =>
    opened.ask('POST', `/api/tenants/${schema}/members/${id}/reset-password/`);
  const inactive = await reset('acme', body.results[0].id);
  t.is(inactive.status, 409);
  const { body: audit } = await opened.ask('GET', '/api/audit/?action=reset-password');
  t.false(JSON.stringify(audit).includes('boss'));
  for (const id of ['999999', '0', 'x', '99999999999999999999']) {
    t.is((await reset('acme', id)).status, 404, id);
  }
  t.is((await reset('nobody', 1)).status, 404);
  await opened.world.asOwner(`update acme.users set is_active = true where username = 'boss'`);
});

test.serial('counts mail by tenant, without content, and tries failed mail again', async (t) => {
  await opened.world.asOwner(
    `insert into acme.outbox (kind, address, dead_at, attempts, last_error)
     values ('password_reset', 'secret@example.com', now(), 12, '550 no such mailbox')`,
  );
  await opened.world.asOwner(
    `insert into tenancy.due_work (tenant_id, kind, marked_at, due_at)
     values ($1, 'mail_failed', now(), now() + interval '1 hour')`,
    [opened.world.acme.id],
  );
  t.is((await opened.ask('GET', '/api/fleet/')).body.mail.failed, 1);
  const failed = async () =>
    (await opened.ask('GET', '/api/mail/?state=failed')).body.results.map(
      ({ schema }: { schema: string }) => schema,
    );
  t.deepEqual(await failed(), ['acme']);
  const { status, text, body } = await opened.ask('GET', '/api/mail/');
  t.is(status, 200);
  t.like(body.results[0], { schema: 'acme', failed: 1, last_error: '550 no such mailbox' });
  t.is(body.count, 2);
  t.is((await opened.ask('GET', '/api/mail/?state=dead')).status, 400);
  t.false(text.includes('secret@example.com'));
  t.deepEqual((await opened.ask('POST', '/api/mail/acme/retry/')).body, { retried: 1 });
  t.deepEqual((await opened.ask('POST', '/api/mail/acme/retry/')).body, { retried: 0 });
  t.deepEqual(await until(failed, (found) => found.length === 0), []);
  t.is((await opened.ask('POST', '/api/mail/nobody/retry/')).status, 404);
});

/** Returns the number of tenants whose mail was not counted because of a fault. */
const uncounted = (): number =>
  opened.service.warnings.filter((message) => message === 'the mail of a tenant was not counted').length;

test.serial('the mail of a tenant that cannot be read does not take down the list', async (t) => {
  const { world, ask } = opened;
  await world.asOwner('alter table acme.outbox rename column dead_at to dead_since');
  const { status, body } = await ask('GET', '/api/mail/');
  t.is(status, 200);
  t.like(body.results[0], { schema: 'acme', waiting: null, failed: null, last_error: null });
  t.like(body.results[1], { schema: 'globex', waiting: 0, failed: 0 });
  t.is(uncounted(), 1);
  await world.asOwner('alter table acme.outbox rename column dead_since to dead_at');
});

test.serial('the mail and the members of a tenant in maintenance are not read', async (t) => {
  const { world, ask } = opened;
  await world.asOwner(`update public.tenants set status = 'maintenance' where schema_name = 'globex'`);
  const members = await until(
    () => ask('GET', '/api/tenants/globex/members/'),
    ({ status }) => status === 503,
  );
  t.is(members.body.code, 'tenant_maintenance');
  const { body } = await ask('GET', '/api/mail/?search=globex');
  t.like(body.results[0], { schema: 'globex', waiting: null, failed: null });
  t.is(uncounted(), 1, 'a tenant in maintenance is no fault');
  await world.asOwner(`update public.tenants set status = 'suspended' where schema_name = 'globex'`);
});

test.serial('only superusers get the message of a failed migration with values of rows', async (t) => {
  const messages = async () => {
    const asStaff = { token: opened.tokens.staff };
    const [tenant, fleet] = [
      await opened.ask('GET', '/api/tenants/globex/', asStaff),
      await opened.ask('GET', '/api/fleet/', asStaff),
    ];
    t.false(`${tenant.text} ${fleet.text}`.includes('of a row'));
    return [tenant.body.last_error.message, fleet.body.failed_migrations[0].message];
  };
  t.deepEqual(await messages(), ['SQLSTATE 22P02.', 'SQLSTATE 22P02.']);
  await opened.world.asOwner('update tenancy.migration_failures set error_without_values = null');
  t.deepEqual(await messages(), ['(hidden)', '(hidden)']);
  const { body } = await opened.ask('GET', '/api/tenants/globex/');
  t.deepEqual(Object.keys(body.last_error).sort(), ['at', 'attempts', 'message', 'migration']);
});

test.serial('the fleet has the failed migrations, and the requests of this service', async (t) => {
  const { status, body } = await opened.ask('GET', '/api/fleet/');
  t.is(status, 200);
  t.like(body, {
    tenants: { by_status: { active: 1, suspended: 1 } },
    behind: 0,
    drift: null,
    operations: { queued: 0, running: 0, failed_today: 0 },
    worker: { seen_at: null, is_running: false },
  });
  t.like(body.failed_migrations[0], {
    schema: 'globex',
    migration: '20261201000000000_notes',
    message: 'invalid input: "of a row"',
  });
  t.is(
    body.versions.reduce((sum: number, { count }: { count: number }) => sum + count, 0),
    2,
  );
  t.is(body.requests.processes, 1);
  t.true(body.requests.count > 10 && body.requests.client_errors > 0);
  t.true(body.requests.p50_ms > 0 && body.requests.p99_ms >= body.requests.p50_ms);
  t.true(body.slowest.some(({ schema }: { schema: string }) => schema === 'acme'));
});

test.serial('the audit lists changes of the registry, with filters', async (t) => {
  const { body } = await opened.ask('GET', '/api/audit/?tenant=globex');
  const actions = body.results.map(({ action }: { action: string }) => action);
  t.true(actions.includes('create-tenant') && actions.includes('suspend-tenant'), actions.join());
  t.true(
    body.results.every(
      ({ at, tenant }: { at: string; tenant: string }) => at.endsWith('Z') && tenant === 'globex',
    ),
  );
  const filtered = async (query: string) => (await opened.ask('GET', `/api/audit/?${query}`)).body.count;
  t.is(await filtered('tenant=nobody'), 0);
  t.is(await filtered('source=cli'), 0);
  t.is(await filtered('action=rename-tenant&tenant=globex'), 1);
  t.is(await filtered(`actor=${encodeURIComponent("' or true--")}`), 0);
  t.is((await opened.ask('GET', '/api/audit/?source=root')).status, 400);
});

test.serial('no response and no event contains the value of a setting that may be a secret', async (t) => {
  const { world, ask, work } = opened;
  const secret = 'hunter2';
  const { status, text } = await ask('POST', '/api/operations/', {
    body: {
      kind: 'change-settings',
      tenant: 'acme',
      arguments: { set: { API_SECRET: secret, A_LIMIT: '7' } },
    },
  });
  t.is(status, 202);
  await work();
  await world.asOwner(`update public.tenants set settings = $1 where schema_name = 'acme'`, [
    JSON.stringify({ API_SECRET: secret }),
  ]);
  const operations = await ask('GET', '/api/operations/?kind=change-settings');
  t.deepEqual(operations.body.results[0].arguments, { set: { API_SECRET: '(hidden)', A_LIMIT: '7' } });
  const tenant = await ask('GET', '/api/tenants/acme/');
  t.like(tenant.body.settings.at(-1), { name: 'API_SECRET', value: '(hidden)', is_overridden: true });
  t.like(
    tenant.body.settings.find(({ name }: { name: string }) => name === 'ACCESS_TOKEN_LIFETIME'),
    { value: 300 },
  );
  const { body: audit, text: events } = await ask('GET', '/api/audit/?tenant=acme');
  t.true(audit.results.some(({ operation }: { operation: string | null }) => operation !== null));
  for (const answer of [text, operations.text, tenant.text, events]) {
    t.false(answer.includes(secret));
  }
  await world.asOwner(`update public.tenants set settings = '{}' where schema_name = 'acme'`);
});
