import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

import { type OperatorsWorld, openOperatorsWorld } from './operators-world.ts';

const HOSTILE = `<img src=x onerror="alert(1)">'"--;\${7*7}{{7*7}}`;

let opened: OperatorsWorld;
let folder: string;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-dumps-'));
  opened = await openOperatorsWorld({ OPERATIONS_DIRECTORY: join(folder, 'dumps') });
});
test.after.always(async () => {
  await opened?.close();
  await rm(folder, { recursive: true, force: true });
});

const request = (body: object, token?: string) =>
  opened.ask('POST', '/api/operations/', { body, ...(token ? { token } : {}) });

const count = async (): Promise<number> => (await opened.ask('GET', '/api/operations/')).body.count;

const auditOf = async (query: string) => (await opened.ask('GET', `/api/audit/?${query}`)).body.results;

test.serial('lists the kinds with the JSON Schema of their arguments', async (t) => {
  const { status, body } = await opened.ask('GET', '/api/operation-kinds/');
  t.is(status, 200);
  const echo = body.find(({ kind }: { kind: string }) => kind === 'echo');
  t.like(echo, { title: 'Echo', destroys: false, target: 'tenant-or-fleet' });
  t.deepEqual(echo.allowed_targets, ['tenant', 'fleet']);
  t.deepEqual(echo.arguments.properties.text, { type: 'string', maxLength: 200 });
  t.deepEqual(echo.arguments.required, ['text']);
});

test.serial('a requested operation waits for the worker, and its Location shows it', async (t) => {
  const { status, headers, body } = await request({
    kind: 'echo',
    tenant: 'acme',
    arguments: { text: HOSTILE },
  });
  t.is(status, 202);
  t.is(headers.location, `http://localhost/api/operations/${body.id}/`);
  t.is(headers['cache-control'], 'no-store');
  t.like(body, {
    kind: 'echo',
    tenant: 'acme',
    arguments: { text: HOSTILE },
    status: 'queued',
    progress: null,
    result: null,
    error: null,
    actor: 'root',
    started_at: null,
    can_cancel: true,
    can_retry: false,
  });
  t.regex(body.created_at, /^\d{4}-\d\d-\d\dT.*Z$/);
  const found = await opened.ask('GET', `/api/operations/${body.id}/`);
  t.deepEqual(found.body, { ...body, log: [] });
  // Markup is text in a JSON response, and no browser may take it for a page.
  t.regex(String(found.headers['content-type']), /^application\/json/);
  t.is(found.headers['x-content-type-options'], 'nosniff');
});

test.serial('lists operations with filters and pages, the newest first', async (t) => {
  await request({ kind: 'echo', tenant: 'globex', arguments: { text: 'second' } });
  await request({ kind: 'echo', arguments: { text: 'third' } });
  const texts = async (query: string) =>
    (await opened.ask('GET', `/api/operations/?${query}`)).body.results.map(
      ({ arguments: given }: { arguments: { text: string } }) => given.text,
    );
  t.deepEqual((await texts('')).slice(0, 2), ['third', 'second']);
  t.deepEqual(await texts('tenant=globex'), ['second']);
  t.deepEqual(await texts('kind=shred'), []);
  t.deepEqual(await texts('status=succeeded'), []);
  const { body } = await opened.ask('GET', '/api/operations/?page_size=1&page=2');
  t.is(body.results[0].arguments.text, 'second');
  t.is(body.next, 'http://localhost/api/operations/?page_size=1&page=3');
  t.is((await opened.ask('GET', '/api/operations/?page_size=1&page=last')).body.results.length, 1);
  t.is((await opened.ask('GET', '/api/operations/?page=99')).status, 404);
  t.deepEqual((await opened.ask('GET', '/api/operations/?status=done')).body, {
    status: ['"done" is not a valid choice.'],
  });
});

test.serial('what destroys needs the name of the tenant in confirm', async (t) => {
  const before = await count();
  const shred = (facts: object) => request({ kind: 'shred', tenant: 'acme', ...facts });
  t.deepEqual((await shred({})).body, { confirm: ['This field is required.'] });
  for (const confirm of ['globex', 'ACME', 'acme.localhost', 'shred', `acme${'\u200b'}`]) {
    t.deepEqual((await shred({ confirm })).body, { confirm: ['Repeat "acme" to confirm.'] }, confirm);
  }
  t.is((await shred({ confirm: { $ne: null } })).status, 400);
  t.deepEqual((await request({ kind: 'shred', tenant: null, confirm: 'acme' })).body, {
    confirm: ['Repeat "shred" to confirm.'],
  });
  t.is(await count(), before);
  t.is((await shred({ confirm: 'acme' })).status, 202);
  t.is((await request({ kind: 'shred', confirm: 'shred' })).status, 202);
});

test.serial('rejects unknown kinds, tenants and arguments on their fields', async (t) => {
  const before = await count();
  const echo = { kind: 'echo', tenant: 'acme', arguments: { text: 'a' } };
  const rejected: ReadonlyArray<readonly [object, object]> = [
    [{}, { kind: ['This field is required.'] }],
    [{ kind: 'drop-database' }, { kind: ['"drop-database" is not a valid choice.'] }],
    [{ kind: 'toString' }, { kind: ['"toString" is not a valid choice.'] }],
    [{ kind: '__proto__' }, { kind: ['"__proto__" is not a valid choice.'] }],
    [{ kind: { $gt: '' } }, { kind: ['Not a valid string.'] }],
  ];
  for (const [body, expected] of rejected) {
    t.deepEqual((await request(body)).body, expected);
  }
  for (const given of [
    undefined,
    {},
    { text: 5 },
    { text: 'a'.repeat(201) },
    { text: 'a', times: '1; drop' },
  ]) {
    const { status, body } = await request({ ...echo, arguments: given });
    t.is(status, 400);
    t.regex(Object.keys(body)[0] ?? '', /^arguments\./, JSON.stringify(body));
  }
  for (const given of [[], 'text', 5, { text: 'a', sealed: '{}' }, { text: 'a', tenant: 'globex' }]) {
    const { status, body } = await request({ ...echo, arguments: given });
    t.deepEqual([status, Object.keys(body)], [400, ['arguments']], JSON.stringify(given));
  }
  t.is((await request({ ...echo, arguments: { text: 'a\0' } })).status, 400);
  t.is(
    (await opened.ask('POST', '/api/operations/', { raw: '{"kind":"echo","arguments":{"text":"\\ud800"}}' }))
      .status,
    400,
  );
  for (const tenant of ['nobody', 'public', 'tenancy', `acme' or true--`, '../acme', 'ACME']) {
    const { status, text } = await request({ ...echo, tenant });
    t.true(status === 404 || status === 400, `${tenant} ${status} ${text}`);
  }
  t.is(await count(), before);
  t.deepEqual(opened.service.bugs, []);
});

test.serial('a client cannot choose the actor, the id or the status of an operation', async (t) => {
  const { body } = await request({
    kind: 'echo',
    arguments: { text: 'a' },
    id: '00000000-0000-4000-8000-000000000001',
    actor: 'somebody',
    address: '8.8.8.8',
    status: 'succeeded',
  });
  t.like(body, { actor: 'root', status: 'queued', address: '127.0.0.1' });
  t.not(body.id, '00000000-0000-4000-8000-000000000001');
});

test.serial('cancels and retries, and records both', async (t) => {
  const { body: created } = await request({ kind: 'echo', tenant: 'acme', arguments: { text: 'cancel me' } });
  const path = `/api/operations/${created.id}`;
  const conflict = await opened.ask('POST', `${path}/retry/`, { body: {} });
  t.deepEqual(
    [conflict.status, conflict.body],
    [409, { detail: 'Only an operation that failed or was canceled can run again.', code: 'conflict' }],
  );
  const canceled = await opened.ask('POST', `${path}/cancel/`, { token: opened.tokens.staff });
  t.like(canceled.body, { status: 'canceled', can_cancel: false, can_retry: true });
  t.is((await opened.ask('POST', `${path}/cancel/`)).status, 409);
  const retried = await opened.ask('POST', `${path}/retry/`, { body: {} });
  t.is(retried.status, 202);
  t.like(retried.body, { id: created.id, status: 'queued' });
  const events = (await auditOf('tenant=acme'))
    .filter(({ operation }: { operation: string }) => operation === created.id)
    .map(({ action, actor, source }: Record<string, string>) => [action, actor, source]);
  t.deepEqual(events, [
    ['retry-operation', 'root', 'api'],
    ['cancel-operation', 'clerk', 'api'],
  ]);
});

test.serial('requests with one Idempotency-Key create one operation', async (t) => {
  const before = await count();
  const body = { kind: 'echo', tenant: 'acme', arguments: { text: 'once' } };
  const send = (key: string, changes: object = {}, token = opened.tokens.superuser) =>
    opened.ask('POST', '/api/operations/', {
      token,
      body: { ...body, ...changes },
      headers: { 'Idempotency-Key': key },
    });
  const [one, other] = await Promise.all([send('"form-1"'), send('"form-1"')]);
  t.deepEqual([one.status, other.status, one.body.id], [202, 202, other.body.id]);
  t.deepEqual([one.headers['idempotent-replayed'], other.headers['idempotent-replayed']].sort(), [
    'true',
    undefined,
  ]);
  t.is(await count(), before + 1);
  t.is(other.headers.location, `http://localhost/api/operations/${one.body.id}/`);
  const changed = await send('"form-1"', { tenant: 'globex' });
  t.deepEqual(
    [changed.status, changed.body],
    [409, { detail: 'This Idempotency-Key was used for another operation.', code: 'idempotency_key_reused' }],
  );
  const bad = await send('é');
  t.is(bad.status, 400);
  t.regex(bad.body.detail, /^Idempotency-Key must have/);
  // A rejected request has no effect, so its key can be used again.
  t.is((await send('form-2', { arguments: { text: 5 } })).status, 400);
  t.is((await send('form-2')).status, 202);
  // Keys of different operators are independent.
  const clerk = await send('"form-1"', {}, opened.tokens.staff);
  t.is(clerk.status, 202);
  t.not(clerk.body.id, one.body.id);
  t.is(await count(), before + 3);
});

/** The statuses of a tenant in which each kind can be requested. Default: `IN_USE`. */
const STATUSES: Readonly<Record<string, readonly string[]>> = {
  'suspend-tenant': ['active'],
  'resume-tenant': ['suspended'],
  'start-maintenance': ['active', 'suspended'],
  'end-maintenance': ['maintenance'],
  'undelete-tenant': ['deleted'],
  'dump-tenant': ['active', 'suspended', 'maintenance', 'deleted'],
  'purge-tenant': ['deleted'],
  'move-tenant': ['active', 'suspended', 'maintenance', 'moving'],
};
const IN_USE = ['active', 'suspended', 'maintenance'];

const ARGUMENTS: Readonly<Record<string, object>> = {
  'add-domain': { domain: 'a.example.org' },
  'verify-domain': { domain: 'a.example.org' },
  'set-primary-domain': { domain: 'a.example.org' },
  'remove-domain': { domain: 'a.example.org' },
  'clone-tenant': { schema: 'copy', domains: ['copy.localhost'] },
  'move-tenant': { to: 'main' },
  echo: { text: 'a' },
};

test.serial(
  'accepts each kind in exactly the statuses of the tenant that the list of kinds has',
  async (t) => {
    const { world, ask } = opened;
    const { body: kinds } = await ask('GET', '/api/operation-kinds/');
    type Kind = { kind: string; target: string; statuses: string[] };
    const ofTenants = (kinds as Kind[]).filter(({ target }) => target !== 'fleet');
    for (const status of [...IN_USE, 'moving', 'deleted']) {
      await world.asOwner(`update public.tenants set status = $1 where schema_name = 'globex'`, [status]);
      for (const { kind, statuses } of ofTenants) {
        const expected = STATUSES[kind] ?? IN_USE;
        t.deepEqual(statuses, expected, kind);
        const answer = await request({
          kind,
          tenant: 'globex',
          arguments: ARGUMENTS[kind] ?? {},
          confirm: 'globex',
        });
        t.is(answer.status, expected.includes(status) ? 202 : 409, `${kind} in status ${status}`);
      }
    }
    const { body: canceled } = await ask('GET', '/api/operations/?tenant=globex&kind=undelete-tenant');
    const path = `/api/operations/${canceled.results[0].id}`;
    await ask('POST', `${path}/cancel/`);
    await world.asOwner(`update public.tenants set status = 'active' where schema_name = 'globex'`);
    const retry = await ask('POST', `${path}/retry/`, { body: {} });
    t.deepEqual(
      [retry.status, retry.body.detail],
      [409, '"Undelete tenant" cannot be requested while the tenant is in status active.'],
    );
    await world.asOwner(`delete from tenancy.operations where schema_name = 'globex'`);
  },
);

test.serial('lists the dumps that the worker can restore, for superusers', async (t) => {
  const list = async (token = opened.tokens.superuser) => opened.ask('GET', '/api/dumps/', { token });
  t.deepEqual((await list()).body, { is_known: false, results: [] });
  await opened.work();
  t.deepEqual((await list()).body, { is_known: true, results: [] });

  const dumps = join(folder, 'dumps');
  await mkdir(join(dumps, 'folder.tenant'), { recursive: true });
  for (const name of ['old.tenant', 'people.sql', '.hidden.tenant', 'UPPER.tenant', 'notes.txt']) {
    await writeFile(join(dumps, name), 'dump');
  }
  await writeFile(join(folder, 'outside.tenant'), 'dump');
  const created = await request({ kind: 'dump-tenant', tenant: 'acme' });
  await opened.work();
  const { body: dumped } = await opened.ask('GET', `/api/operations/${created.body.id}/`);
  t.is(dumped.status, 'succeeded', JSON.stringify(dumped.error));
  await opened.work();
  const { body, text } = await list();
  t.deepEqual(
    body.results.map(({ name }: { name: string }) => name).sort(),
    [dumped.result.dump, 'old.tenant'].sort(),
  );
  t.false(text.includes(folder));
  t.like(
    body.results.find(({ name }: { name: string }) => name === 'old.tenant'),
    { bytes: 4 },
  );
  t.is((await list(opened.tokens.staff)).status, 403);
  // A worker that ended has no dumps.
  await opened.world.asOwner(`update tenancy.workers set seen_at = now() - interval '2 minutes'`);
  t.deepEqual((await list()).body, { is_known: false, results: [] });
});

test.serial('forms offer the values that exist', async (t) => {
  const { body: kinds } = await opened.ask('GET', '/api/operation-kinds/');
  const fieldOf = (kind: string, name: string) =>
    kinds.find((each: { kind: string }) => each.kind === kind).arguments.properties[name];
  for (const [kind, name] of [
    ['create-tenant', 'database'],
    ['clone-tenant', 'database'],
    ['restore-tenant', 'database'],
    ['move-tenant', 'to'],
  ] as const) {
    t.deepEqual(fieldOf(kind, name).enum, ['main'], kind);
  }
  t.is(fieldOf('restore-tenant', 'dump').choices, 'dumps');
  const { body } = await request({
    kind: 'move-tenant',
    tenant: 'acme',
    arguments: { to: 'nowhere' },
    confirm: 'acme',
  });
  t.deepEqual(body, { 'arguments.to': ['DATABASES has no database with this name'] });
});

test.serial('ids that are none, and unknown ones, are not found', async (t) => {
  for (const id of ['1', 'x', '%00', "'", '00000000-0000-4000-8000-000000000000', '..%2f..']) {
    for (const [method, action] of [
      ['GET', ''],
      ['POST', 'cancel/'],
      ['POST', 'retry/'],
    ] as const) {
      const { status } = await opened.ask(method, `/api/operations/${id}/${action}`, {
        ...(method === 'POST' ? { body: {} } : {}),
      });
      t.is(status, 404, `${method} ${id} ${action}`);
    }
  }
  t.deepEqual(opened.service.bugs, []);
});

test.serial('requests of one operator are throttled', async (t) => {
  const { close, ask } = await openOperatorsWorld({ OPERATORS_THROTTLE: '2/min' });
  t.teardown(close);
  const body = { kind: 'echo', arguments: { text: 'a' } };
  const statuses: number[] = [];
  for (let time = 0; time < 3; time += 1) {
    statuses.push((await ask('POST', '/api/operations/', { body })).status);
  }
  t.deepEqual(statuses, [202, 202, 429]);
  t.is((await ask('GET', '/api/operations/')).body.count, 2);
});
