import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { purgeTenant } from '../../../src/tenancy/lifecycle/purge-tenant.ts';
import { deleteTenant, undeleteTenant } from '../../../src/tenancy/registry/change-status.ts';
import { tablesOf } from '../../../src/tenancy/registry/project.ts';
import { parseDomainName, parseSchemaName } from '../../../src/tenancy/registry/tenant.ts';
import { cloneTenant } from '../../../src/tenancy/transfer/copy/clone-tenant.ts';
import { dumpTenant } from '../../../src/tenancy/transfer/dump/dump-tenant.ts';
import { restoreTenant } from '../../../src/tenancy/transfer/dump/restore-tenant.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const TABLES = tablesOf(project);

let world: World;
let service: TestService;
let folder: string;
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koa-tenants-credentials-'));
  world = await openWorld({ project });
  service = await serve(world, { LANES: '1' });
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

const call = (host: string, action: string, body: unknown) =>
  service.request(host, 'POST', `/api/auth/${action}/`, { body });

/** Everything that identifies a user after a login. */
async function credentialsAt(host: string) {
  const login = { username: 'ann', password: PASSWORD };
  const { auth_token: key } = (await call(host, 'token/login', login)).body;
  const { access, refresh } = (await call(host, 'jwt/create', login)).body;
  return { key, access, refresh };
}

type Credentials = Awaited<ReturnType<typeof credentialsAt>>;

/** The statuses of a request with the key, one with the access token, and a refresh. */
async function statusesAt(host: string, { key, access, refresh }: Credentials): Promise<readonly number[]> {
  const me = (authorization: string) =>
    service.request(host, 'GET', '/api/auth/users/me/', { headers: { Authorization: authorization } });
  return [
    (await me(`Token ${key}`)).status,
    (await me(`Bearer ${access}`)).status,
    (await call(host, 'jwt/refresh', { refresh })).status,
  ];
}

const VALID = [200, 200, 200];
const REJECTED = [401, 401, 401];

async function dump(schema: string, { withSessions = false } = {}): Promise<string> {
  const file = join(folder, `${schema}${withSessions ? '-sessions' : ''}.tenant`);
  // A dump of an installation that declares nothing contains the sessions.
  const declarations = withSessions ? {} : TABLES;
  await dumpTenant(world.owner, schema, { project, file, overwrite: false, declarations });
  return file;
}

const restore = (file: string, schema: string, { host, asCopy }: { host: string; asCopy: boolean }) =>
  restoreTenant(
    world.owner,
    { name: 'main', owner: world.owner, service: world.service },
    {
      project,
      file,
      schema: parseSchemaName(schema),
      domains: [parseDomainName(host)],
      asCopy,
      declarations: TABLES,
    },
  );

/** Waits until the host is served. Another process has changed the tenant, and the directory is notified. */
const served = (host: string) =>
  until(
    async () => (await service.request(host, 'GET', '/api/auth/users/me/')).status,
    (status) => status === 401,
  );

for (const withSessions of [false, true]) {
  test(`a revoked key is rejected after a restore${withSessions ? ' of a dump that contains sessions' : ''}`, async (t) => {
    const schema = withSessions ? 'revoked_in_dump' : 'revoked';
    const { host } = await world.provision(schema);
    await makeUser(world, schema, 'ann');
    const credentials = await credentialsAt(host);
    await world.asOwner(`update ${schema}.users set permissions = '{memos.archive}'`);
    const file = await dump(schema, { withSessions });
    t.deepEqual(await statusesAt(host, credentials), VALID);
    const { status } = await service.request(host, 'POST', '/api/auth/token/logout/', {
      headers: { Authorization: `Token ${credentials.key}` },
    });
    t.is(status, 204);
    t.is((await statusesAt(host, credentials))[0], 401);

    await deleteTenant(world.owner, schema, 1);
    await purgeTenant(world.owner, schema, () => ({ step: () => {}, stop: () => {} }));
    await restore(file, schema, { host, asCopy: false });
    t.is(await served(host), 401);
    t.deepEqual(await statusesAt(host, credentials), REJECTED);
    // The user, the password and the permissions were restored, and new credentials work.
    t.deepEqual(await world.asOwner(`select permissions from ${schema}.users`), [
      { permissions: ['memos.archive'] },
    ]);
    t.deepEqual(await statusesAt(host, await credentialsAt(host)), VALID);
  });
}

test('after the original is deleted, restored elsewhere and undeleted, a key is valid in one tenant only', async (t) => {
  const { host } = await world.provision('undeleted');
  await makeUser(world, 'undeleted', 'ann');
  const credentials = await credentialsAt(host);
  const [own, forged] = [await dump('undeleted'), await dump('undeleted', { withSessions: true })];
  await deleteTenant(world.owner, 'undeleted', 1);
  await restore(own, 'second', { host: 'second.localhost', asCopy: true });
  await restore(forged, 'third', { host: 'third.localhost', asCopy: true });
  await undeleteTenant(world.owner, 'undeleted');
  t.is(await served(host), 401);
  for (const copy of ['second.localhost', 'third.localhost']) {
    t.is(await served(copy), 401);
    t.deepEqual(await statusesAt(copy, credentials), REJECTED, copy);
  }
  t.deepEqual(await statusesAt(host, credentials), VALID);
});

test('a clone of a tenant that was deleted and undeleted rejects its keys', async (t) => {
  const { host } = await world.provision('cloned');
  await makeUser(world, 'cloned', 'ann');
  const credentials = await credentialsAt(host);
  await deleteTenant(world.owner, 'cloned', 1);
  await undeleteTenant(world.owner, 'cloned');
  await cloneTenant(
    world.owner,
    world,
    { name: 'main', owner: world.owner, service: world.service },
    {
      project,
      from: 'cloned',
      schema: parseSchemaName('clone'),
      name: null,
      domains: [parseDomainName('clone.localhost')],
      data: true,
      declarations: TABLES,
    },
  );
  t.is(await served('clone.localhost'), 401);
  t.is(await served(host), 401);
  t.deepEqual(await statusesAt('clone.localhost', credentials), REJECTED);
  t.deepEqual(await statusesAt(host, credentials), VALID);
  t.deepEqual(
    await statusesAt('clone.localhost', await credentialsAt('clone.localhost')),
    VALID,
    'new credentials work on the clone',
  );
});
