import test from 'ava';
import { servedProject } from '../fixture-app/served-project.ts';
import { startDns, type TestDns } from '../helpers/dns.ts';
import { environmentOf, serve, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { isPlain, type Ran, run } from './run.ts';

let world: World;
let dns: TestDns;
test.before(async () => {
  dns = await startDns();
  world = await openWorld({ project: servedProject });
});
test.after.always(async () => {
  await dns?.close();
  await world?.close();
});

const required = { REQUIRE_DOMAIN_VERIFICATION: 'true' };
const tenants = (args: readonly string[], overrides: Record<string, string> = {}): Promise<Ran> =>
  run('served-cli.ts', args, environmentOf(world, { DNS_SERVER: dns.server, ...overrides }));
const domain = (verb: string, schema: string, host: string, ...more: string[]): Promise<Ran> =>
  tenants([verb, '--schema', schema, '--domain', host, ...more]);
const token = async (host: string): Promise<string> => {
  const [found] = await world.asOwner<{ verification_token: string }>(
    'select verification_token from public.domains where domain = $1',
    [host],
  );
  return found?.verification_token ?? '';
};
const domainsOf = async (schema: string): Promise<unknown> =>
  JSON.parse((await tenants(['list-tenants', '--only', schema, '--json'])).out)[0].domains;

test('adds, promotes and removes a domain', async (t) => {
  const added = await domain('add-domain', 'acme', 'Second.localhost', '--json');
  t.is(added.code, 0, added.err);
  t.like(JSON.parse(added.out), { domain: 'second.localhost', is_primary: false });
  t.is(added.err, '', 'a subdomain of the base domain needs no record');
  t.deepEqual(await domainsOf('acme'), ['acme.localhost', 'second.localhost']);

  const chosen = await domain('set-primary-domain', 'acme', 'second.localhost');
  t.deepEqual([chosen.code, chosen.out], [0, 'The primary domain of acme is second.localhost.\n']);
  t.is((await domain('set-primary-domain', 'acme', 'second.localhost')).code, 0, 'a second time');
  t.deepEqual(await domainsOf('acme'), ['second.localhost', 'acme.localhost']);

  const refused = await domain('remove-domain', 'acme', 'second.localhost');
  t.is(refused.code, 2);
  isPlain(t, refused);
  t.is((await domain('set-primary-domain', 'acme', 'acme.localhost')).code, 0);
  t.is((await domain('remove-domain', 'acme', 'second.localhost')).code, 0);
  t.deepEqual(await domainsOf('acme'), ['acme.localhost']);
  const again = await domain('remove-domain', 'acme', 'second.localhost');
  t.is(again.code, 1);
  isPlain(t, again);
});

test('rejects adding, removing and verifying a domain of another tenant', async (t) => {
  for (const verb of ['remove-domain', 'set-primary-domain', 'verify-domain']) {
    const ran = await domain(verb, 'acme', 'globex.localhost');
    t.is(ran.code, 1, verb);
    isPlain(t, ran);
    t.regex(ran.err, /"globex\.localhost" is not a domain of "acme"/);
  }
  const ran = await domain('add-domain', 'acme', 'globex.localhost');
  t.is(ran.code, 1);
  isPlain(t, ran);
});

test('exits 2 with one sentence on wrong usage', async (t) => {
  for (const args of [
    ['add-domain', '--schema', 'acme'],
    ['add-domain', '--schema', 'acme', '--domain', 'http://x.com'],
    ['remove-domain', '--domain', 'x.com'],
    ['verify-domain', '--schema', 'A B', '--domain', 'x.com'],
  ]) {
    const ran = await tenants(args);
    t.is(ran.code, 2, args.join(' '));
    t.notRegex(ran.err, /^\s+at /m);
  }
  const nobody = await domain('add-domain', 'nobody', 'x.example.com');
  t.is(nobody.code, 1);
  isPlain(t, nobody);
  const server = await tenants(['list-tenants'], { DNS_SERVER: 'dns.example.com' });
  t.is(server.code, 2);
  t.regex(server.err, /DNS_SERVER/);
});

test('verifies a domain by the DNS record that verify-domain asks for', async (t) => {
  const added = await domain('add-domain', 'globex', 'shop.globex.com');
  t.is(added.code, 0, added.err);
  const record = /^ {2}(\S+)\. TXT "(.+)"$/m.exec(added.err);
  t.is(record?.[1], '_koa-tenants.shop.globex.com');
  const shown = await tenants(['show-tenant', '--schema', 'globex']);
  t.true(shown.out.includes(record?.[0]?.trim() ?? '?'));

  const none = await domain('verify-domain', 'globex', 'shop.globex.com');
  t.is(none.code, 1);
  isPlain(t, none);
  t.regex(none.err, /has no TXT record/);

  dns.records.set('_koa-tenants.shop.globex.com', ['v=spf1 -all', `koa-tenants=${'0'.repeat(32)}`]);
  const other = await domain('verify-domain', 'globex', 'shop.globex.com');
  t.is(other.code, 1);
  t.regex(other.err, /has another TXT record/);

  dns.records.set('_koa-tenants.shop.globex.com', ['x'.repeat(400), record?.[2] ?? '']);
  const verified = await domain('verify-domain', 'globex', 'shop.globex.com');
  t.deepEqual([verified.code, verified.out], [0, 'Domain shop.globex.com is verified.\n'], verified.err);
  dns.records.delete('_koa-tenants.shop.globex.com');
  const again = await domain('verify-domain', 'globex', 'shop.globex.com', '--json');
  t.truthy(JSON.parse(again.out).verified_at, 'once verified, it stays so');
});

test('does not verify a domain by the DNS record of its previous tenant', async (t) => {
  await world.provision('taker');
  t.is((await domain('add-domain', 'globex', 'passed.on.com')).code, 0);
  const first = await token('passed.on.com');
  dns.records.set('_koa-tenants.passed.on.com', [`koa-tenants=${first}`]);
  t.is((await domain('verify-domain', 'globex', 'passed.on.com')).code, 0);
  t.is((await domain('remove-domain', 'globex', 'passed.on.com')).code, 0);
  t.is((await domain('add-domain', 'taker', 'passed.on.com')).code, 0);
  t.not(await token('passed.on.com'), first);
  t.is((await domain('verify-domain', 'taker', 'passed.on.com')).code, 1);
});

test.serial(
  'verifies nothing and prints one sentence when the DNS server fails or does not respond',
  async (t) => {
    t.is((await domain('add-domain', 'globex', 'slow.globex.com')).code, 0);
    for (const behavior of ['failing', 'silent'] as const) {
      dns.behavior.value = behavior;
      const ran = await domain('verify-domain', 'globex', 'slow.globex.com');
      dns.behavior.value = 'good';
      t.is(ran.code, 1, behavior);
      isPlain(t, ran);
      t.regex(ran.err, /DNS lookup of .* failed/);
    }
    t.is((await domain('verify-domain', 'globex', 'slow.globex.com', '--no-dns')).code, 0);
  },
);

test.serial(
  'serves a custom domain only after its verification, when verification is required',
  async (t) => {
    await world.provision('strict');
    t.is((await domain('add-domain', 'strict', 'app.strict.com')).code, 0);
    const service = await serve(world, { ...required, REDIRECT_TO_PRIMARY: 'true', DIRECTORY_TTL: '3600' });
    t.teardown(service.close);
    const ask = async (host: string) =>
      (await service.request(host, 'POST', '/api/auth/jwt/create/', { body: {} })).status;
    t.is(await ask('app.strict.com'), 404);
    t.is(await ask('strict.localhost'), 400, 'a subdomain of the base domain needs none');
    t.is(await ask('localhost'), 400, 'nor does the public site');

    const early = await tenants(
      ['set-primary-domain', '--schema', 'strict', '--domain', 'app.strict.com'],
      required,
    );
    t.is(early.code, 1);
    isPlain(t, early);
    const atOnce = await tenants(
      ['add-domain', '--schema', 'strict', '--domain', 'www.strict.com', '--primary'],
      required,
    );
    t.is(atOnce.code, 2);
    isPlain(t, atOnce);

    const renamed = await tenants(
      ['rename-tenant', '--schema', 'strict', '--domain', 'app.strict.com'],
      required,
    );
    t.is(renamed.code, 2);
    isPlain(t, renamed);

    dns.records.set('_koa-tenants.app.strict.com', [`koa-tenants=${await token('app.strict.com')}`]);
    t.is((await domain('verify-domain', 'strict', 'app.strict.com')).code, 0);
    t.is(
      await until(
        () => ask('app.strict.com'),
        (status) => status === 400,
      ),
      400,
    );
  },
);

test.serial('does not redirect to a primary domain that is not served', async (t) => {
  await world.provision('redirected');
  t.is((await domain('add-domain', 'redirected', 'www.redirected.com', '--primary')).code, 0);
  for (const [overrides, status] of [
    [{}, 308],
    [required, 404],
  ] as const) {
    const service = await serve(world, { ...overrides, REDIRECT_TO_PRIMARY: 'true' });
    const answer = await service.request('redirected.localhost', 'GET', '/nowhere');
    await service.close();
    t.is(answer.status, status);
  }
});

test('create-tenant reports that the domain is not served yet', async (t) => {
  const ran = await tenants(
    ['create-tenant', '--schema', 'custom', '--name', 'Custom', '--domain', 'app.custom.com'],
    required,
  );
  t.is(ran.code, 0);
  t.regex(
    ran.err,
    /not served until it is verified.*`verify-domain --schema custom --domain app\.custom\.com`/,
  );
});
