/** Run alone: node_modules/.bin/node test/run.ts test/apps/admin/host.test.ts */
import test from 'ava';

import { defineApp } from '../../../src/definition/define-app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';
import { id } from '../../../src/http/fields/relation.ts';
import { serializer } from '../../../src/http/fields/serializer.ts';
import { text } from '../../../src/http/fields/text.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const HOST = 'acme.localhost';

let world: World;
let service: TestService;
const tokens: Record<string, string> = {};
const ids: Record<string, number> = {};
test.before(async () => {
  world = await openWorld({ project });
  for (const [username, isSuperuser] of [
    ['boss', true],
    ['other', true],
    ['clerk', false],
    ['user', false],
  ] as const) {
    ids[username] = (await makeUser(world, 'acme', username, { isSuperuser })).id;
  }
  await makeUser(world, 'site', 'operator', { isSuperuser: true });
  await world.asOwner(`update acme.users set is_staff = true where username = 'clerk'`);
  await world.asOwner(
    `update public.tenants set name = 'Acme Inc', settings = '{"USERS_LIMIT": 50, "MAX_SEARCH_WORDS": 7}' where schema_name = 'acme'`,
  );
  await world.asOwner(
    `insert into public.domains (domain, tenant_id, verification_token)
     select 'acme.example', id, repeat('ab', 16) from public.tenants where schema_name = 'acme'`,
  );
  service = await serve(world);
  for (const name of ['boss', 'other', 'clerk', 'user']) {
    tokens[name] = await service.logIn(HOST, name, PASSWORD);
  }
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const call = (as: string | null, method: string, path: string, body?: unknown) =>
  service.request(HOST, method, path, { ...(as === null ? {} : { token: tokens[as] }), body });

test('the host of the console is described to everybody, with the user of the credentials', async (t) => {
  const { status, body } = await call(null, 'GET', '/api/console/');
  t.is(status, 200);
  t.regex(body.version, /^\d+\.\d+\.\d+/);
  const { version, ...rest } = body;
  t.deepEqual(rest, {
    kind: 'tenant',
    name: 'Acme Inc',
    base_domain: 'localhost',
    user: null,
    impersonated_by: null,
    permissions: [],
  });
  const { body: seen } = await call('clerk', 'GET', '/api/console/');
  t.deepEqual(seen.user, { id: ids.clerk, username: 'clerk', is_staff: true, is_superuser: false });
  t.deepEqual(seen.permissions, []);
  t.deepEqual((await call('boss', 'GET', '/api/console/')).body.permissions, [
    { name: 'library.view_loans', description: 'Read loans.' },
    { name: 'library.change_loans', description: 'Read, add and change loans.' },
    { name: 'library.delete_loans', description: 'Delete loans.' },
  ]);
  const token = await service.logIn('localhost', 'operator', PASSWORD);
  const site = await service.request('localhost', 'GET', '/api/console/', { token });
  t.deepEqual([site.body.kind, site.body.user.username, site.body.version], ['site', 'operator', version]);
  t.is((await service.request(HOST, 'GET', '/api/console/', { token: 'x.y.z' })).status, 401);
});

test('staff read domains with the DNS record that verifies them, and effective settings', async (t) => {
  t.deepEqual((await call('clerk', 'GET', '/api/domains/')).body, [
    { domain: HOST, is_primary: true, is_verified: true, dns_record: null },
    {
      domain: 'acme.example',
      is_primary: false,
      is_verified: false,
      dns_record: { name: '_koa-tenants.acme.example', type: 'TXT', value: `koa-tenants=${'ab'.repeat(16)}` },
    },
  ]);
  const { body } = await call('clerk', 'GET', '/api/settings/');
  const named = (name: string) => body.find((setting: { name: string }) => setting.name === name);
  t.deepEqual(named('MAX_SEARCH_WORDS'), {
    name: 'MAX_SEARCH_WORDS',
    value: '7',
    default: '20',
    is_overridden: true,
  });
  t.deepEqual([named('THROTTLE_LOGIN').value, named('ALLOW_REGISTRATION').is_overridden], ['off', false]);
  for (const path of ['/api/domains/', '/api/settings/', '/api/audit/', '/api/auth/members/']) {
    t.is((await call('user', 'GET', path)).status, 403, path);
    t.is((await call(null, 'GET', path)).status, 401, path);
  }
});

test('staff list users with their rights, and deactivate those who are not superusers', async (t) => {
  const { body } = await call(
    'clerk',
    'GET',
    '/api/auth/members/?is_staff=true&is_superuser=false&search=CLERK%20example',
  );
  t.deepEqual(
    body.results.map(({ username }: { username: string }) => username),
    ['clerk'],
  );
  t.false(Object.hasOwn(body.results[0], 'password'));
  const made = await makeUser(world, 'acme', 'leaver');
  const token = await service.logIn(HOST, 'leaver', PASSWORD);
  await world.asOwner('update acme.users set awaits_activation = true where id = $1', [made.id]);
  const path = `/api/auth/members/${made.id}/`;
  const changed = await call('clerk', 'PATCH', path, {
    is_active: false,
    last_name: 'Left',
    id: 1,
    email: 'x@y.z',
  });
  t.deepEqual(
    [changed.status, changed.body.is_active, changed.body.last_name, changed.body.email, changed.body.id],
    [200, false, 'Left', 'leaver@example.com', made.id],
  );
  t.is((await service.request(HOST, 'GET', '/api/auth/users/me/', { token })).status, 401);
  t.deepEqual(await world.asOwner('select awaits_activation from acme.users where id = $1', [made.id]), [
    { awaits_activation: false },
  ]);
  const audit = await call('clerk', 'GET', '/api/audit/?page_size=100');
  const event = audit.body.results.find(({ action }: { action: string }) => action === 'change-user');
  t.deepEqual(
    [event.actor, event.source, event.before, event.after],
    [
      'clerk',
      'tenant',
      { id: made.id, username: 'leaver', is_active: true, last_name: '' },
      { id: made.id, username: 'leaver', is_active: false, last_name: 'Left' },
    ],
  );
});

test('two superusers who demote each other at the same time do not leave the tenant without one', async (t) => {
  const answers = await Promise.all([
    call('boss', 'PATCH', `/api/auth/members/${ids.other}/`, { is_superuser: false }),
    call('other', 'PATCH', `/api/auth/members/${ids.boss}/`, { is_superuser: false }),
  ]);
  t.deepEqual(answers.map(({ status }) => status).sort(), [200, 403]);
  const superuser = answers[0]?.status === 200 ? 'boss' : 'other';
  const self = await call(superuser, 'PATCH', `/api/auth/members/${ids[superuser]}/`, {
    is_superuser: false,
    is_active: false,
  });
  t.deepEqual(
    [self.status, self.body],
    [
      400,
      {
        is_active: ['You cannot change this for your own account.'],
        is_superuser: ['You cannot change this for your own account.'],
      },
    ],
  );
});

test('pages of the audit follow each other', async (t) => {
  const first = await call('clerk', 'GET', '/api/audit/?page_size=1');
  t.is(first.body.results.length, 1);
  const second = await call('clerk', 'GET', `/api/audit/?page_size=1&before=${first.body.next}`);
  t.is(second.body.results.length, 1);
  t.not(second.body.results[0].id, first.body.results[0].id);
  t.deepEqual((await call('clerk', 'GET', '/api/audit/?before=x')).body, {
    before: ['Must be a valid UUID.'],
  });
});

test('a declaration with unknown fields, without an id or without a model is rejected', (t) => {
  const row = serializer({ id: id(), title: text({ max: 9 }) });
  const define = (declaration: Parameters<typeof defineApp>[0]['tables']) =>
    defineApp({
      name: 'wrong',
      directory: import.meta.dirname,
      ...(declaration ? { tables: declaration } : {}),
    });
  const messageOf = (declare: () => unknown): string | undefined => t.throws(declare)?.message;
  t.regex(
    messageOf(() => define({ rows: { model: 'wrong.row', fields: row, admin: { search: ['name'] } } })) ?? '',
    /`admin.search` of the table "rows" of the app "wrong" names the field "name". Its fields: id, title\./,
  );
  t.regex(messageOf(() => define({ rows: { fields: row } })) ?? '', /needs `model`/);
  t.regex(messageOf(() => define({ rows: { model: 'wrong.row', admin: {} } })) ?? '', /needs `fields`/);
  t.regex(
    messageOf(() => define({ rows: { model: 'wrong.row', fields: serializer({ title: text() }) } })) ?? '',
    /must have the field "id"/,
  );
  const permissions = { change: 'other.edit' };
  t.regex(
    messageOf(() => define({ rows: { model: 'wrong.row', fields: row, admin: { permissions } } })) ?? '',
    /`admin.permissions.change` of the table "rows" of the app "wrong" names the permission "other.edit". The app declares none\./,
  );
  const misspelled = { edit: 'other.edit' } as object;
  t.regex(
    messageOf(() =>
      define({ rows: { model: 'wrong.row', fields: row, admin: { permissions: misspelled } } }),
    ) ?? '',
    /`admin.permissions` of the table "rows" of the app "wrong" names the action "edit". Actions: view, add, change, delete\./,
  );
  const one = define({ rows: { model: 'wrong.row', fields: row } });
  t.regex(
    messageOf(() =>
      defineProject({
        apps: [
          one,
          defineApp({
            name: 'second',
            directory: import.meta.dirname,
            tables: { others: { model: 'wrong.row', fields: row } },
          }),
        ],
      }),
    ) ?? '',
    /both declare the model "wrong.row"/,
  );
});
