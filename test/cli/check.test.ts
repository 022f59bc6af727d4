import test from 'ava';
import { withAdminConnection } from '../../src/db/admin/admin-connection.ts';
import { checkLimits } from '../../src/tenancy/install/check-limits.ts';
import { environmentOf } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { onNode, run, withoutServer } from './run.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

/** The test server may have published vulnerabilities, so only faults set the exit code 1 by default. */
const check = (args: readonly string[], overrides: Record<string, string> = {}) =>
  run('cli.ts', ['check', '--fail-on', 'fault', ...args], environmentOf(world, overrides));

const withoutServerLines = (out: string): string =>
  out.replaceAll(/^(?:old-minors|other-databases) .*\n/gm, '');

const ADVICE = 'alter table acme.note_events drop constraint note_events_pkey';
const UNDO_ADVICE = 'alter table acme.note_events add constraint note_events_pkey primary key (id)';
const FAULT = 'alter table acme.notes disable row level security';
const UNDO_FAULT = 'alter table acme.notes enable row level security';

test.serial('exits 0 without findings', async (t) => {
  const ran = await check([]);
  t.is(ran.code, 0, ran.err);
  t.is(withoutServerLines(ran.out), 'No finding.\n');
});

test.serial('exits 1 on an error except with --fail-on fault, and the service starts', async (t) => {
  const [version] = await world.asOwner<{ version: string }>(
    `select current_setting('server_version_num') as version`,
  );
  const isOld = Number(version?.version) < 180_007;
  const { out } = await check([]);
  t.is(/^old-minors .* upgrade to /m.test(out), isOld);
  for (const args of [
    ['--fail-on', 'error'],
    ['--fail-on', 'advice'],
  ]) {
    t.is((await check(args)).code, isOld ? 1 : 0);
  }
  t.is((await run('cli.ts', ['check'], environmentOf(world))).code, isOld ? 1 : 0, 'an error is the default');
  t.is((await check([])).code, 0);
});

test.serial('prints advice, and exits 1 for it only with --fail-on advice', async (t) => {
  await world.asOwner(ADVICE);
  t.teardown(() => world.asOwner(UNDO_ADVICE));
  const quiet = await check([]);
  t.is(quiet.code, 0, quiet.err);
  t.regex(
    quiet.out,
    /^missing-primary-keys {2}table acme\.note_events: has no primary key\. write a tenant migration/m,
  );
  const ran = await check(['--fail-on', 'advice']);
  t.is(ran.code, 1);
  t.regex(ran.err, /^\d found\. Each line ends with the fix\.\n$/);
});

test.serial('reports a limit of rows without its trigger, for each table once', async (t) => {
  const project = {
    apps: world.fleet.project.apps.map((app) =>
      app.name === 'fixture_notes'
        ? { ...app, limits: { NOTES_LIMIT: 'notes', PAGES_LIMIT: 'no_such_table' } }
        : app,
    ),
  };
  const found = async () => {
    const findings = await withAdminConnection(world.owner, (client) => checkLimits(client, project));
    t.true(findings.every(({ check, severity }) => check === 'row-limits' && severity === 'fault'));
    return findings.map(({ object, fault }) => `${object} ${fault}`);
  };
  const trigger = (schema: string, setting: string) => `
    create trigger notes__limit after insert on ${schema}.notes
    for each statement execute function tenancy.limit_rows('${setting}')`;
  const missing = 'table no_such_table does not exist in 2 tenants, such as acme';
  t.deepEqual(await found(), [
    'table notes has no trigger for the limit NOTES_LIMIT in 2 tenants, such as acme',
    missing,
  ]);
  await world.asOwner(trigger('acme', 'NOTES_LIMIT'));
  // That of another limit.
  await world.asOwner(trigger('globex', 'NOTES_LIMIT_2'));
  const ofGlobex = 'table notes has no trigger for the limit NOTES_LIMIT in tenant globex';
  t.deepEqual(await found(), [ofGlobex, missing]);
  await world.asOwner(
    `drop trigger notes__limit on globex.notes; ${trigger('globex', 'NOTES_LIMIT')};
     alter table globex.notes disable trigger notes__limit`,
  );
  t.deepEqual(await found(), [ofGlobex, missing]);
  await world.asOwner('alter table globex.notes enable trigger notes__limit');
  t.deepEqual(await found(), [missing]);
  await world.asOwner('drop trigger notes__limit on acme.notes; drop trigger notes__limit on globex.notes');
});

test.serial('reports a Node.js with published vulnerabilities as advice', async (t) => {
  const ran = await check(['--json'], onNode('24.21.0'));
  t.is(ran.code, 0, ran.err);
  const [found = {}, ...others] = withoutServer(ran.out);
  t.like(found, {
    check: 'node-version',
    severity: 'advice',
    fault: 'Node 24.21.0 has published vulnerabilities (CVE-2026-111497)',
    remedy: 'Use Node 24.22.1 or later.',
  });
  t.deepEqual(others, []);
  t.is((await check(['--fail-on', 'advice'], onNode('24.21.0'))).code, 1);
});

test.serial('exits 1 on a fault with every value of --fail-on', async (t) => {
  await world.asOwner(FAULT);
  t.teardown(() => world.asOwner(UNDO_FAULT));
  for (const severity of ['fault', 'error', 'advice']) {
    const ran = await check(['--fail-on', severity, '--json']);
    t.is(ran.code, 1, severity);
    const [found = {}] = withoutServer(ran.out);
    t.like(found, { check: 'unprotected-relations', severity: 'fault', object: 'table acme.notes' });
  }
});

test.serial(
  'reports a key that TENANCY_KEYS lacks or contradicts as a fault, which migrate fixes',
  async (t) => {
    await world.asOwner(`select tenancy.install_key('proof', 'theirs', sha256('a secret of theirs'))`);
    await world.asOwner(`select tenancy.install_key('proof', 'old', sha256('another one'))`);
    const ran = await check([]);
    t.is(ran.code, 1);
    t.is(
      withoutServerLines(ran.out),
      [
        'proof-keys  key old: has another secret here than in TENANCY_KEYS. tenants migrate',
        'proof-keys  key theirs: can enter every tenant, and is not in TENANCY_KEYS. tenants migrate',
        '',
      ].join('\n'),
    );
    t.is((await world.alone(() => run('cli.ts', ['migrate'], environmentOf(world)))).code, 0);
    t.is((await check([])).code, 0);
  },
);

test.serial('rejects an unknown value of --fail-on', async (t) => {
  const ran = await check(['--fail-on', 'warning']);
  t.is(ran.code, 2);
  t.regex(ran.err, /'warning' is invalid.*Allowed choices are fault, error, advice/);
});

test.serial('reports a password that both logins share as a fault', async (t) => {
  const service = new URL(world.serviceUrl);
  const before = service.password;
  const shared = new URL(world.ownerUrl).password || 'shared';
  const owner = new URL(world.ownerUrl);
  owner.password = shared;
  await world.asOwner(`alter role ${world.service} password '${shared}'`);
  t.teardown(() => world.asOwner(`alter role ${world.service} password '${before}'`));
  service.password = shared;
  const ran = await check(['--json'], { DATABASE_URL: service.href, OWNER_DATABASE_URL: owner.href });
  t.is(ran.code, 1, ran.err);
  const found = withoutServer(ran.out);
  t.is(found.length, 1);
  t.like(found[0] ?? {}, {
    check: 'shared-passwords',
    severity: 'fault',
    object: `login ${world.service} of database main`,
    fault: `has the same password as the migrating login ${owner.username}`,
  });
  t.false(ran.out.includes(shared));
});
