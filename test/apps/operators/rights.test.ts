import test from 'ava';
import { signMessage } from '../../../src/tenancy/context/proof.ts';
import { withTenant } from '../../../src/tenancy/context/with-tenant.ts';
import { tenantId } from '../../../src/tenancy/registry/tenant.ts';
import { openKey, openPair } from '../../helpers/attacker.ts';
import { OPERATOR_FUNCTIONS } from '../../helpers/operator-functions.ts';
import { PASSWORD, sendRequest } from '../../helpers/server.ts';
import { type OperatorsWorld, openOperatorsWorld, SITE } from './operators-world.ts';

let opened: OperatorsWorld;
/** Every operation of the operator API: method and path. */
let routes: ReadonlyArray<readonly [string, string]>;
test.before(async () => {
  opened = await openOperatorsWorld();
  const { body: document } = await opened.ask('GET', '/api/openapi.json');
  routes = Object.entries<Record<string, { tags?: string[] }>>(document.paths).flatMap(
    ([template, methods]) =>
      Object.entries(methods)
        .filter(([, { tags }]) => tags?.includes('operators'))
        .map(
          ([method]) =>
            [
              method.toUpperCase(),
              template
                .replace('{schema}', 'acme')
                .replace('{id}', '1')
                .replace('{operation}', '00000000-0000-4000-8000-000000000000'),
            ] as const,
        ),
  );
});
test.after.always(() => opened?.close());

const countOperations = async (): Promise<number> => (await opened.ask('GET', '/api/operations/')).body.count;

test.serial('the document has every route of the operator API', (t) => {
  t.deepEqual(
    [...new Set(routes.map(([, path]) => path))].sort(),
    [
      '/api/audit/',
      '/api/dumps/',
      '/api/fleet/',
      '/api/mail/',
      '/api/mail/acme/retry/',
      '/api/operation-kinds/',
      '/api/operations/',
      '/api/operations/00000000-0000-4000-8000-000000000000/',
      '/api/operations/00000000-0000-4000-8000-000000000000/cancel/',
      '/api/operations/00000000-0000-4000-8000-000000000000/retry/',
      '/api/tenants/',
      '/api/tenants/acme/',
      '/api/tenants/acme/members/',
      '/api/tenants/acme/members/1/reset-password/',
    ].sort(),
  );
});

test.serial('every route requires credentials of a staff user of the public site', async (t) => {
  const before = await countOperations();
  const body = { kind: 'shred', tenant: 'acme', arguments: {}, confirm: 'acme' };
  const { tokens } = opened;
  for (const [method, path] of routes) {
    const statusOf = async (token: string | undefined): Promise<number> =>
      (await opened.ask(method, path, { token, ...(method === 'POST' ? { body } : {}) })).status;
    t.deepEqual(
      {
        anonymous: await statusOf(undefined),
        forged: await statusOf(`${tokens.superuser.slice(0, -6)}AAAAAA`),
        acmeStaff: await statusOf(tokens.acmeStaff),
        globexStaff: await statusOf(tokens.globexStaff),
        user: await statusOf(tokens.user),
        bareSuperuser: await statusOf(tokens.bareSuperuser),
      },
      {
        anonymous: 401,
        forged: 401,
        acmeStaff: 401,
        globexStaff: 401,
        user: 403,
        bareSuperuser: 403,
      },
      `${method} ${path}`,
    );
  }
  t.is(await countOperations(), before);
  t.deepEqual(opened.service.bugs, []);
});

test.serial('the hosts of tenants do not serve the operator API, whoever asks', async (t) => {
  // The host of a tenant may serve an audit of its own.
  for (const [method, path] of routes.filter(([, each]) => each !== '/api/audit/')) {
    for (const token of [opened.tokens.acmeStaff, opened.tokens.superuser, undefined]) {
      const { status } = await opened.service.request('acme.localhost', method, path, { token });
      t.is(status, 404, `${method} ${path}`);
    }
  }
});

test.serial(
  'a staff user who is no superuser reads everything, and requests what does not destroy',
  async (t) => {
    const token = opened.tokens.staff;
    for (const [method, path] of routes.filter(([method]) => method === 'GET')) {
      const { status } = await opened.ask(method, path, { token });
      const expected = path === '/api/dumps/' ? [403] : [200, 404];
      t.true(expected.includes(status), `${method} ${path} ${status}`);
    }
    const { body: kinds } = await opened.ask('GET', '/api/operation-kinds/', { token });
    for (const { kind, destroys, allowed_targets: targets } of kinds) {
      t.is(
        targets.length > 0,
        !destroys && !['set-primary-domain', 'clone-tenant', 'change-settings'].includes(kind),
        kind,
      );
    }
    // Only superusers may skip the lookup, so the form of others has no such field.
    const argumentsOf = (kind: string) =>
      Object.keys(kinds.find((each: { kind: string }) => each.kind === kind).arguments.properties);
    t.deepEqual(argumentsOf('verify-domain'), ['domain']);
    // As are those that decide where mailed links lead.
    t.deepEqual(argumentsOf('add-domain'), ['domain']);
    t.deepEqual(argumentsOf('rename-tenant'), ['schema', 'name', 'block_seconds']);
    const request = (kind: string, confirm?: string) =>
      opened.ask('POST', '/api/operations/', {
        token,
        body: { kind, tenant: 'acme', arguments: kind === 'echo' ? { text: 'a' } : {}, confirm },
      });
    t.is((await request('echo')).status, 202);
    const before = await countOperations();
    for (const { kind, destroys } of kinds) {
      if (destroys) {
        const { status, body } = await request(kind, 'acme');
        t.deepEqual([status, body.code], [403, 'permission_denied'], kind);
      }
    }
    t.is(await countOperations(), before);
  },
);

test.serial('a staff user who is no superuser cannot retry an operation that destroys', async (t) => {
  const { body } = await opened.ask('POST', '/api/operations/', {
    body: { kind: 'shred', tenant: 'acme', confirm: 'acme' },
  });
  const path = `/api/operations/${body.id}`;
  t.is((await opened.ask('POST', `${path}/cancel/`, { token: opened.tokens.staff })).status, 200);
  const retry = (token: string, confirm?: string) =>
    opened.ask('POST', `${path}/retry/`, { token, body: { confirm } });
  t.is((await retry(opened.tokens.staff, 'acme')).status, 403);
  t.deepEqual((await retry(opened.tokens.superuser)).body, { confirm: ['This field is required.'] });
  t.deepEqual((await retry(opened.tokens.superuser, 'globex')).body, {
    confirm: ['Repeat "acme" to confirm.'],
  });
  t.is((await retry(opened.tokens.superuser, 'acme')).status, 202);
});

const NEW = { schema: 'copy', domains: ['copy.localhost'] };

/** Requests of each kind, and the rights that they need. */
const REQUESTS: ReadonlyArray<
  readonly [kind: string, tenant: string | null, given: object, needs: 'staff' | 'superuser']
> = [
  ['create-tenant', null, { schema: 'new', name: 'New', domain: 'new.localhost' }, 'staff'],
  ['rename-tenant', 'acme', { name: 'Acme' }, 'staff'],
  ['rename-tenant', 'acme', { domain: 'a.example.org' }, 'superuser'],
  ['rename-tenant', 'acme', { name: 'Acme', domain: null, keep_domain: true }, 'staff'],
  ['delete-tenant', 'acme', {}, 'superuser'],
  ['purge-tenant', 'acme', {}, 'superuser'],
  ['suspend-tenant', 'acme', {}, 'staff'],
  ['resume-tenant', 'acme', {}, 'staff'],
  ['start-maintenance', 'acme', {}, 'staff'],
  ['start-maintenance', 'site', {}, 'superuser'],
  ['end-maintenance', 'acme', {}, 'staff'],
  ['end-maintenance', 'site', {}, 'superuser'],
  ['undelete-tenant', 'acme', {}, 'staff'],
  ['add-domain', 'acme', { domain: 'a.example.org' }, 'staff'],
  ['add-domain', 'acme', { domain: 'a.example.org', primary: true }, 'superuser'],
  ['add-domain', 'site', { domain: 'a.example.org' }, 'superuser'],
  ['verify-domain', 'acme', { domain: 'a.example.org' }, 'staff'],
  ['verify-domain', 'acme', { domain: 'a.example.org', dns: true }, 'staff'],
  ['verify-domain', 'acme', { domain: 'a.example.org', dns: false }, 'superuser'],
  ['verify-domain', 'site', { domain: 'a.example.org' }, 'superuser'],
  ['set-primary-domain', 'acme', { domain: 'a.example.org' }, 'superuser'],
  ['set-primary-domain', 'site', { domain: 'a.example.org' }, 'superuser'],
  ['remove-domain', 'acme', { domain: 'a.example.org' }, 'staff'],
  ['remove-domain', 'site', { domain: 'a.example.org' }, 'superuser'],
  ['change-settings', 'acme', { set: { MAX_SEARCH_WORDS: '3' } }, 'superuser'],
  ['change-settings', 'site', { set: { MAX_SEARCH_WORDS: '3' } }, 'superuser'],
  ['clone-tenant', 'acme', NEW, 'superuser'],
  ['dump-tenant', 'acme', {}, 'staff'],
  ['restore-tenant', null, { dump: 'acme-1.tenant' }, 'superuser'],
  ['move-tenant', 'acme', { to: 'main' }, 'superuser'],
  ['migrate', 'acme', {}, 'staff'],
  ['migrate', null, {}, 'superuser'],
  ['check', null, {}, 'staff'],
  ['attack-report', null, {}, 'superuser'],
  ['drift', 'acme', {}, 'staff'],
  ['drift', null, {}, 'staff'],
  ['echo', 'acme', { text: 'a' }, 'staff'],
  ['echo', null, { text: 'a' }, 'staff'],
  ['shred', 'acme', {}, 'superuser'],
  ['shred', null, {}, 'superuser'],
];

test.serial(
  'operations of the public site, of all tenants, of settings, without a DNS lookup or for mailed links need a superuser',
  async (t) => {
    const { body: kinds } = await opened.ask('GET', '/api/operation-kinds/', { token: opened.tokens.staff });
    type Kind = { kind: string; target: string; allowed_targets: string[] };
    t.deepEqual(
      [...new Set(REQUESTS.map(([kind]) => kind))].sort(),
      kinds.map(({ kind }: Kind) => kind).sort(),
      'the table has every kind',
    );
    // The table has every target of a kind, and the list of kinds has the same rights.
    for (const { kind, target, allowed_targets: allowed } of kinds as Kind[]) {
      const found = REQUESTS.filter(([each]) => each === kind);
      const targetOf = (tenant: string | null) =>
        tenant === null ? 'fleet' : tenant === 'site' ? 'site' : 'tenant';
      t.deepEqual(
        [...new Set(found.map(([, tenant]) => targetOf(tenant)))].sort(),
        target === 'fleet' ? ['fleet'] : target.split('-or-').sort(),
        kind,
      );
      const open = found.filter(([, , , needs]) => needs === 'staff').map(([, tenant]) => targetOf(tenant));
      t.deepEqual([...allowed].sort(), [...new Set(open)].sort(), kind);
    }
    for (const [kind, tenant, given, needs] of REQUESTS) {
      const statusFor = async (token: string): Promise<number> =>
        (
          await opened.ask('POST', '/api/operations/', {
            token,
            body: { kind, tenant, arguments: given, confirm: tenant ?? kind },
          })
        ).status;
      const name = `${kind} ${tenant} ${JSON.stringify(given)}`;
      const asStaff = await statusFor(opened.tokens.staff);
      // 409: the status of the tenant does not allow it, which is checked after the rights.
      t.true(needs === 'superuser' ? asStaff === 403 : [202, 409].includes(asStaff), `${name}: ${asStaff}`);
      const asSuperuser = await statusFor(opened.tokens.superuser);
      t.true([202, 409].includes(asSuperuser), `${name}: ${asSuperuser}`);
    }
  },
);

test.serial('a retry needs the rights of the request', async (t) => {
  const { body } = await opened.ask('POST', '/api/operations/', {
    body: { kind: 'verify-domain', tenant: 'acme', arguments: { domain: 'a.example.org', dns: false } },
  });
  const path = `/api/operations/${body.id}`;
  t.is((await opened.ask('POST', `${path}/cancel/`)).status, 200);
  const retry = (token: string) => opened.ask('POST', `${path}/retry/`, { token, body: {} });
  t.is((await retry(opened.tokens.staff)).status, 403);
  t.is((await retry(opened.tokens.superuser)).status, 202);
});

test.serial('only superusers see the values of rows that users of a tenant have changed', async (t) => {
  await opened.world.asOwner(
    `insert into tenancy.audit_events (actor, source, tenant_id, schema_name, action, before, after)
     values
       ('ann', 'tenant', $1, 'acme', 'change-row', '{"model": "a.b", "id": 3, "note": "my secret"}', '{"model": "a.b", "id": 3, "note": "another secret"}'),
       ('root', 'cli', $1, 'acme', 'rename-tenant', '{"name": "A"}', '{"name": "B"}')`,
    [opened.world.acme.id],
  );
  const eventsFor = async (token: string) => {
    const { body, text } = await opened.ask('GET', '/api/audit/?tenant=acme&page_size=2', { token });
    return { text, events: body.results };
  };
  const forStaff = await eventsFor(opened.tokens.staff);
  t.false(forStaff.text.includes('secret'));
  t.like(forStaff.events[1], {
    actor: 'ann',
    before: { model: 'a.b', id: 3, note: '(hidden)' },
    after: { model: 'a.b', id: 3, note: '(hidden)' },
  });
  t.like(forStaff.events[0], { before: { name: 'A' }, after: { name: 'B' } });
  const forSuperuser = await eventsFor(opened.tokens.superuser);
  t.like(forSuperuser.events[1], { before: { note: 'my secret' }, after: { note: 'another secret' } });
});

test.serial('rights are those of the database, and not those of the login', async (t) => {
  await opened.world.asOwner(`update site.users set is_staff = true where username = 'helper'`);
  t.is((await opened.ask('GET', '/api/tenants/', { token: opened.tokens.user })).status, 200);
  await opened.world.asOwner(`update site.users set is_staff = false where username = 'helper'`);
  t.is((await opened.ask('GET', '/api/tenants/', { token: opened.tokens.user })).status, 403);
});

test.serial(
  'cookies alone are no credentials: another site cannot send a request for an operator',
  async (t) => {
    const { headers } = await sendRequest(opened.service.port, SITE, 'POST', '/api/auth/jwt/create/', {
      body: { username: 'root', password: PASSWORD },
      headers: { 'X-Token-Transport': 'cookie' },
    });
    const cookies = (headers['set-cookie'] ?? []).map((cookie) => cookie.split(';', 1)[0]).join('; ');
    const csrfToken = /csrftoken=([^;]+)/.exec(cookies)?.[1] ?? '';
    t.true(cookies.includes('refresh=') && csrfToken !== '', cookies);
    const before = await countOperations();
    for (const [method, path] of routes) {
      const { status } = await opened.ask(method, path, {
        token: undefined,
        headers: { Cookie: cookies, 'X-CSRFToken': csrfToken, Origin: 'https://evil.example' },
        ...(method === 'POST' ? { body: { kind: 'echo', arguments: { text: 'a' } } } : {}),
      });
      t.is(status, 401, `${method} ${path}`);
    }
    t.is(await countOperations(), before);
  },
);

test.serial('the key of an operator is accepted, and that of another user is not', async (t) => {
  for (const [name, status] of [
    ['root', 200],
    ['clerk', 200],
    ['helper', 403],
  ] as const) {
    const key = await openKey(opened.service, SITE, name);
    const answer = await opened.ask('GET', '/api/tenants/', {
      token: undefined,
      headers: { Authorization: `Token ${key}` },
    });
    t.is(answer.status, status, name);
  }
});

test.serial('an operator who acts for a user of a tenant has no rights here', async (t) => {
  const { body: given } = await opened.ask('POST', '/api/tenants/impersonate/', {
    body: { domain: 'acme.localhost', username: 'boss' },
  });
  const { body: audit } = await opened.ask('GET', '/api/audit/?tenant=acme&action=impersonate');
  t.like(audit.results[0], {
    actor: 'root',
    source: 'api',
    address: '127.0.0.1',
    after: { username: 'boss' },
  });
  t.false(JSON.stringify(audit).includes(given.token));
  const { body: pair } = await opened.service.request(
    'acme.localhost',
    'POST',
    '/api/auth/jwt/impersonate/',
    { body: { token: given.token } },
  );
  t.is((await opened.ask('GET', '/api/tenants/', { token: pair.access })).status, 401);
  t.is((await opened.ask('GET', '/api/tenants/', { token: given.token })).status, 401);
  const { refresh } = await openPair(opened.service, SITE, 'root');
  t.is((await opened.ask('GET', '/api/tenants/', { token: refresh })).status, 401);
});

test.serial(
  'SQL in a request of the public site can call no function for operators, even with a valid proof',
  async (t) => {
    const { world } = opened;
    const site = await world.asOwner<{ id: string }>(
      `select id from public.tenants where schema_name = 'site'`,
    );
    const request = JSON.stringify({ id: '00000000-0000-4000-8000-000000000000' });
    for (const name of OPERATOR_FUNCTIONS) {
      const { expires, text } = signMessage(world.keys[0], `operators.${name}|${request}`);
      for (const tenant of [site[0]?.id, world.acme.id]) {
        const error = await t.throwsAsync(
          withTenant(world.tenantDatabase, { tenant: tenantId.parse(tenant), readOnly: false }, (tx) =>
            tx.query(`select tenancy.${name}($1, $2, $3)`, [request, expires, text]),
          ),
          undefined,
          name,
        );
        t.regex(String((error as { cause?: Error }).cause ?? error), /permission denied/, name);
      }
    }
  },
);

test.serial(
  'the service cannot call a function for operators with the proof of another one, or another request',
  async (t) => {
    const { world } = opened;
    const client = await world.bare();
    const request = JSON.stringify({ id: '00000000-0000-4000-8000-000000000000' });
    const { expires, text } = signMessage(world.keys[0], `operators.find_operation|${request}`);
    const call = (name: string, given: string, until: number, proof: string) =>
      client.query(`select tenancy.${name}($1, $2, $3)`, [given, until, proof]);
    await t.notThrowsAsync(call('find_operation', request, expires, text));
    for (const [name, given, until, proof] of [
      ['list_operations', request, expires, text],
      ['cancel_operation', request, expires, text],
      ['find_operation', `${request} `, expires, text],
      ['find_operation', request, expires + 1, text],
      ['find_operation', request, expires, ''],
      ['find_operation', request, expires, 'test.00'],
    ] as const) {
      await t.throwsAsync(call(name, given, until, proof), undefined, `${name} ${given}`);
    }
  },
);
