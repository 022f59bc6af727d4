import test, { type ExecutionContext } from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import { APP_SECRET, environmentOf } from '../helpers/server.ts';
import { catchMail } from '../helpers/smtp.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { onNode, type Ran, run } from './run.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project: servedProject });
});
test.after.always(() => world?.close());

const doctor = (overrides: Record<string, string> = {}, ...args: string[]): Promise<Ran> =>
  run('served-cli.ts', ['doctor', ...args], environmentOf(world, overrides));
const password = (url: string): string => new URL(url).password;
const secrets = (): string[] =>
  [
    password(world.serviceUrl),
    password(world.ownerUrl),
    APP_SECRET,
    'a-secret-of-more-than-32-characters',
    'another-secret-of-more-than-32-chars',
    // A superuser's URL may have none.
  ].filter(Boolean);
const assertOmits = (t: ExecutionContext, { out, err }: Ran, words: readonly string[]): void => {
  for (const word of words) {
    t.false(`${out}${err}`.includes(word), word);
  }
};
const failed = (ran: Ran): string[] =>
  JSON.parse(ran.out)
    .probes.filter(({ ok }: { ok: boolean }) => !ok)
    .map(({ what }: { what: string }) => what);

test('prints the configuration and the results of its checks, without secrets', async (t) => {
  const ran = await doctor();
  t.is(ran.code, 0, ran.err);
  assertOmits(t, ran, secrets());
  t.regex(ran.out, new RegExp(`DATABASE_URL +postgres://${world.service}:…@`));
  t.regex(ran.out, /TENANCY_KEYS +test:…,old:…/);
  t.regex(ran.out, new RegExp(`APP_SECRET +… \\(${APP_SECRET.length} characters\\)`));
  t.regex(ran.out, /ok +main, walls +no finding, guarded/);
  t.regex(ran.out, /ok +notifications/);
  t.regex(ran.out, /PostgreSQL \d+\.\d+, no TLS/);
});

test('names a Node.js with published vulnerabilities', async (t) => {
  const ran = await doctor(onNode('24.21.0'), '--json');
  t.is(ran.code, 0, ran.err);
  t.true(JSON.parse(ran.out).advice[0].startsWith('Node 24.21.0 has published vulnerabilities'));
});

test('prints the same content as one JSON document with --json', async (t) => {
  const ran = await doctor({}, '--json');
  t.is(ran.code, 0, ran.err);
  assertOmits(t, ran, secrets());
  const { configured, probes, advice } = JSON.parse(ran.out);
  t.is(configured.BASE_DOMAIN, 'localhost');
  t.true(probes.every(({ ok }: { ok: boolean }) => ok));
  t.true(advice.length > 0);
});

test('names each unreachable server, and continues with the other checks', async (t) => {
  const nowhere = 'postgres://app:hidden-word@127.0.0.1:1/app';
  const ran = await doctor(
    {
      DATABASES: `premium=${nowhere}`,
      SMTP_URL: 'smtp://mailer:hidden-word@127.0.0.1:1',
      THROTTLE_STORE: 'redis://:hidden-word@127.0.0.1:1',
      BASE_DOMAIN: 'no-such-name.invalid',
    },
    '--json',
  );
  t.is(ran.code, 1);
  assertOmits(t, ran, [...secrets(), 'hidden-word']);
  t.deepEqual(failed(ran), [
    'premium, as app',
    'SMTP_URL',
    'THROTTLE_STORE',
    'DNS of no-such-name.invalid',
    'DNS of any-tenant.no-such-name.invalid',
  ]);
});

test('finds a key that is not in the database', async (t) => {
  const ran = await doctor({ TENANCY_KEYS: 'stranger:Zk3vQ8rT1mXw7LpB5nYc9HdJ2sFg6KeU' }, '--json');
  t.is(ran.code, 1);
  t.deepEqual(failed(ran), ['main, proof key']);
});

test('finds a failed isolation check', async (t) => {
  const other = await openWorld();
  t.teardown(other.close);
  await other.asOwner('alter table acme.notes no force row level security');
  const ran = await run('served-cli.ts', ['doctor', '--json'], environmentOf(other));
  t.is(ran.code, 1);
  t.deepEqual(failed(ran), ['main, walls']);
});

test('only connects to a reachable mail server, and sends nothing', async (t) => {
  const smtp = await catchMail();
  t.teardown(smtp.close);
  const ran = await doctor({ SMTP_URL: smtp.url }, '--json');
  t.is(ran.code, 0, ran.err);
  t.deepEqual(smtp.mails, []);
});

test('prints the valid part of an invalid environment, and exits 2', async (t) => {
  const ran = await doctor({ APP_SECRET: 'short', DATABASE_URL: 'not-a-url-hidden-word' });
  t.is(ran.code, 2);
  assertOmits(t, ran, ['hidden-word']);
  t.regex(ran.out, /BASE_DOMAIN +localhost/);
  t.regex(ran.err, /DATABASE_URL must be a postgres/);
  t.regex(ran.err, /APP_SECRET must have at least/);
});
