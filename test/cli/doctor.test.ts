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
const tellsNone = (t: ExecutionContext, { out, err }: Ran, words: readonly string[]): void => {
  for (const word of words) {
    t.false(`${out}${err}`.includes(word), word);
  }
};
const failed = (ran: Ran): string[] =>
  JSON.parse(ran.out)
    .probes.filter(({ ok }: { ok: boolean }) => !ok)
    .map(({ what }: { what: string }) => what);

test('what is configured is shown, what answers is said, and no secret with it', async (t) => {
  const ran = await doctor();
  t.is(ran.code, 0, ran.err);
  tellsNone(t, ran, secrets());
  t.regex(ran.out, new RegExp(`DATABASE_URL +postgres://${world.service}:…@`));
  t.regex(ran.out, /TENANCY_KEYS +test:…,old:…/);
  t.regex(ran.out, new RegExp(`APP_SECRET +… \\(${APP_SECRET.length} characters\\)`));
  t.regex(ran.out, /ok +main, walls +no finding, guarded/);
  t.regex(ran.out, /ok +notifications/);
  t.regex(ran.out, /PostgreSQL \d+\.\d+, no TLS/);
});

test('a Node with published vulnerabilities is named', async (t) => {
  const ran = await doctor(onNode('24.21.0'), '--json');
  t.is(ran.code, 0, ran.err);
  t.true(JSON.parse(ran.out).advice[0].startsWith('Node 24.21.0 has published vulnerabilities'));
});

test('--json is one document with the same', async (t) => {
  const ran = await doctor({}, '--json');
  t.is(ran.code, 0, ran.err);
  tellsNone(t, ran, secrets());
  const { configured, probes, advice } = JSON.parse(ran.out);
  t.is(configured.BASE_DOMAIN, 'localhost');
  t.true(probes.every(({ ok }: { ok: boolean }) => ok));
  t.true(advice.length > 0);
});

test('what does not answer is named, and the rest is tried all the same', async (t) => {
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
  tellsNone(t, ran, [...secrets(), 'hidden-word']);
  t.deepEqual(failed(ran), [
    'premium, as app',
    'SMTP_URL',
    'THROTTLE_STORE',
    'DNS of no-such-name.invalid',
    'DNS of any-tenant.no-such-name.invalid',
  ]);
});

test('a key that the database does not know is found', async (t) => {
  const ran = await doctor({ TENANCY_KEYS: 'stranger:Zk3vQ8rT1mXw7LpB5nYc9HdJ2sFg6KeU' }, '--json');
  t.is(ran.code, 1);
  t.deepEqual(failed(ran), ['main, proof key']);
});

test('a wall that is down is found', async (t) => {
  const other = await openWorld();
  t.teardown(other.close);
  await other.asOwner('alter table acme.notes no force row level security');
  const ran = await run('served-cli.ts', ['doctor', '--json'], environmentOf(other));
  t.is(ran.code, 1);
  t.deepEqual(failed(ran), ['main, walls']);
});

test('a mail server that answers is asked for nothing more', async (t) => {
  const smtp = await catchMail();
  t.teardown(smtp.close);
  const ran = await doctor({ SMTP_URL: smtp.url }, '--json');
  t.is(ran.code, 0, ran.err);
  t.deepEqual(smtp.mails, []);
});

test('a faulty environment is shown as far as it goes, and exits 2', async (t) => {
  const ran = await doctor({ APP_SECRET: 'short', DATABASE_URL: 'not-a-url-hidden-word' });
  t.is(ran.code, 2);
  tellsNone(t, ran, ['hidden-word']);
  t.regex(ran.out, /BASE_DOMAIN +localhost/);
  t.regex(ran.err, /DATABASE_URL must be a postgres/);
  t.regex(ran.err, /APP_SECRET must have at least/);
});
