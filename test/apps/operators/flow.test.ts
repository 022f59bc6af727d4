import test, { type ExecutionContext } from 'ava';

import { until } from '../../helpers/server.ts';
import { type OperatorsWorld, openOperatorsWorld } from './operators-world.ts';

const HOSTILE = `<img src=x onerror=alert(1)> "Ünïcode" & 'quotes'`;

let opened: OperatorsWorld;
test.before(async () => {
  opened = await openOperatorsWorld();
});
test.after.always(() => opened?.close());

/** Requests an operation, runs the worker, and returns the operation when it has ended. */
async function run(t: ExecutionContext, body: object) {
  const created = await opened.ask('POST', '/api/operations/', { body });
  t.is(created.status, 202, created.text);
  await opened.work();
  return (await opened.ask('GET', `/api/operations/${created.body.id}/`)).body;
}

test.serial('an operator suspends a tenant, sees it in the audit, and resumes it', async (t) => {
  t.is((await opened.ask('GET', '/api/fleet/')).body.worker.is_running, false);
  const done = await run(t, { kind: 'suspend-tenant', tenant: 'globex' });
  t.like(done, { status: 'succeeded', error: null, can_cancel: false, can_retry: false, attempts: 1 });
  t.true(done.started_at.endsWith('Z') && done.ended_at.endsWith('Z'));
  t.is((await opened.ask('GET', '/api/tenants/globex/')).body.status, 'suspended');
  const { body: audit } = await opened.ask('GET', '/api/audit/?tenant=globex&action=suspend-tenant');
  t.like(audit.results[0], {
    actor: 'root',
    source: 'api',
    address: '127.0.0.1',
    operation: done.id,
    before: { status: 'active' },
    after: { status: 'suspended' },
  });
  await until(
    () =>
      opened.service.request('globex.localhost', 'GET', '/api/auth/users/', {
        token: opened.tokens.globexStaff,
      }),
    ({ status }) => status !== 401,
  );
  t.is((await run(t, { kind: 'resume-tenant', tenant: 'globex' })).status, 'succeeded');
  const { worker } = (await opened.ask('GET', '/api/fleet/')).body;
  t.true(worker.is_running && worker.seen_at.endsWith('Z'));
});

test.serial('an operator creates a tenant with a hostile name, which is text everywhere', async (t) => {
  const done = await run(t, {
    kind: 'create-tenant',
    arguments: { schema: 'initech', name: HOSTILE, domain: 'initech.localhost' },
  });
  t.is(done.status, 'succeeded', JSON.stringify(done));
  for (const path of [
    '/api/tenants/?search=initech',
    '/api/tenants/initech/',
    '/api/audit/?tenant=initech',
  ]) {
    const { headers, text } = await opened.ask('GET', path);
    t.true(text.includes(JSON.stringify(HOSTILE).slice(1, -1)), path);
    t.regex(String(headers['content-type']), /^application\/json/);
  }
});

test.serial('hostile arguments are rejected, or fail with a code, and harm nothing', async (t) => {
  const hostile = [
    `'; drop schema acme cascade; --`,
    '../../etc/passwd',
    '$(touch /tmp/x)',
    HOSTILE,
    'x'.repeat(5_000),
  ];
  for (const value of hostile) {
    for (const body of [
      { kind: 'create-tenant', arguments: { schema: value, name: 'x', domain: 'x.localhost' } },
      { kind: 'create-tenant', arguments: { schema: 'hooli', name: 'x', domain: value } },
      { kind: 'add-domain', tenant: 'acme', arguments: { domain: value } },
      { kind: 'rename-tenant', tenant: 'acme', arguments: { schema: value } },
      { kind: 'clone-tenant', tenant: 'acme', arguments: { schema: value, domain: 'y.localhost' } },
      { kind: 'restore-tenant', confirm: 'restore-tenant', arguments: { file: value, dump: value } },
      { kind: 'change-settings', tenant: 'acme', arguments: { set: { [value]: value } } },
    ]) {
      const { status, text } = await opened.ask('POST', '/api/operations/', { body });
      t.true([202, 400].includes(status), `${status} ${text}`);
    }
  }
  await opened.work();
  const { body } = await opened.ask('GET', '/api/operations/?page_size=100');
  for (const operation of body.results.filter(({ status }: { status: string }) => status === 'failed')) {
    t.regex(operation.error.code, /^[a-z_]+$/, JSON.stringify(operation));
    t.false(/at .*\.ts:\d+/.test(JSON.stringify(operation.error)), JSON.stringify(operation.error));
  }
  t.is(body.results.filter(({ status }: { status: string }) => status === 'queued').length, 0);
  const { body: tenants } = await opened.ask('GET', '/api/tenants/');
  t.deepEqual(
    tenants.results.map(({ schema, domains_count: domains }: { schema: string; domains_count: number }) => [
      schema,
      domains,
    ]),
    [
      ['acme', 1],
      ['globex', 1],
      ['initech', 1],
    ],
  );
  t.deepEqual(opened.service.bugs, []);
});

test.serial('a failed operation has a code, a message and a hint, and can run again', async (t) => {
  const failed = await run(t, { kind: 'echo', tenant: 'acme', arguments: { text: 'fail' } });
  t.like(failed, { status: 'failed', can_retry: true });
  t.is(typeof failed.error.code, 'string');
  t.deepEqual(
    failed.log.map(({ text }: { text: string }) => text),
    ['fail'],
  );
  const again = await opened.ask('POST', `/api/operations/${failed.id}/retry/`, { body: {} });
  t.like(again.body, { id: failed.id, status: 'queued', error: null });
});

test.serial('a deleted tenant keeps its page, and its members are not read', async (t) => {
  t.is(
    (await opened.ask('POST', '/api/operations/', { body: { kind: 'delete-tenant', tenant: 'initech' } }))
      .status,
    400,
  );
  const done = await run(t, { kind: 'delete-tenant', tenant: 'initech', confirm: 'initech' });
  t.is(done.status, 'succeeded', JSON.stringify(done.error));
  t.is((await opened.ask('GET', '/api/tenants/initech/')).body.status, 'deleted');
  const { status } = await until(
    () => opened.ask('GET', '/api/tenants/initech/members/'),
    (answer) => answer.status === 409,
  );
  t.is(status, 409);
  t.is((await run(t, { kind: 'undelete-tenant', tenant: 'initech' })).status, 'succeeded');
});
