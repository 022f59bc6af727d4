/** Users in fixtures. Run alone: node_modules/.bin/node test/run.ts test/apps/accounts/fixtures.test.ts */
import { join } from 'node:path';
import test from 'ava';

import { withTenantAsOwner } from '../../../src/tenancy/context/with-owner-tenant.ts';
import { loadFixture } from '../../../src/tenancy/fixtures/load-fixture.ts';
import { parseFixture } from '../../../src/tenancy/fixtures/parse-fixture.ts';
import { permissionsOf, tablesOf } from '../../../src/tenancy/registry/project.ts';
import { modelsOf } from '../../../src/tenancy/registry/table-declarations.ts';
import { type Ran, run } from '../../cli/run.ts';
import { environmentOf, serve } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

const CLI = join(import.meta.dirname, 'cli.ts');

let world: World;
test.before(async () => {
  world = await openWorld({ project });
});
test.after.always(() => world?.close());

const loadRows = (schema: string, ...rows: unknown[]) =>
  withTenantAsOwner(world.owner, schema, (client) =>
    loadFixture(
      client,
      parseFixture(JSON.stringify(rows)),
      modelsOf(tablesOf(project)),
      Object.keys(permissionsOf(project)),
    ),
  );
const tenants = (args: readonly string[], input = ''): Promise<Ran> =>
  run(CLI, args, environmentOf(world), input);

const user = (pk: number, fields: Record<string, unknown>) => ({ model: 'accounts.user', pk, fields });
const HASH = `$argon2id$v=19$m=19456,t=2,p=1$${'a'.repeat(22)}$${'b'.repeat(43)}`;

test('rejects a stored password that is not an argon2id hash', async (t) => {
  await world.provision('hashed');
  for (const password of [
    'plain text',
    '',
    null,
    5,
    'pbkdf2_sha256$600000$salt$hash',
    '$argon2i$v=19$m=19456,t=2,p=1$aaaaaaaaaaa$bbbbbbbbbbbbbbbb',
    `${HASH} and more`,
    `plain ${HASH}`,
  ]) {
    await t.throwsAsync(loadRows('hashed', user(1, { username: 'u', password })), {
      message: /^Row 0 \(accounts\.user, pk 1\): field "password": it must be an argon2id hash/,
    });
  }
  t.deepEqual(await world.asOwner('select id from hashed.users'), []);
  await loadRows(
    'hashed',
    user(1, { username: 'one', password: HASH }),
    user(2, { username: 'two', password: '!' }),
  );
});

test('a fixture contains the permissions that apps declare', async (t) => {
  await world.provision('permitted');
  for (const [permissions, fault] of [
    [['memos.archiv'], 'There is no permission "memos.archiv". Most similar: "memos.archive".'],
    [[5], 'There is no permission "5". Permissions: memos.archive, memos.publish.'],
    ['memos.archive', 'it must be a list of permissions.'],
    [null, 'it must be a list of permissions.'],
  ] as const) {
    await t.throwsAsync(loadRows('permitted', user(1, { username: 'u', password: '!', permissions })), {
      message: `Row 0 (accounts.user, pk 1): field "permissions": ${fault} Nothing was written.`,
    });
  }
  await loadRows('permitted', user(1, { username: 'u', password: '!', permissions: ['memos.archive'] }));
  t.deepEqual(await world.asOwner('select permissions from permitted.users'), [
    { permissions: ['memos.archive'] },
  ]);
});

test('a fixture that replaces a password invalidates the tokens of that user only', async (t) => {
  await world.provision('replaced');
  const versions = () => world.asOwner('select id, token_version from replaced.users order by id');
  await loadRows(
    'replaced',
    user(1, { username: 'a', password: HASH }),
    user(2, { username: 'b', password: HASH }),
  );
  const tokens = () =>
    world.asOwner<{ user_id: string }>('select user_id from replaced.sessions order by user_id');
  await world.asOwner(
    `insert into replaced.sessions (user_id, family, expires_at)
     select u.id, gen_random_uuid(), now() + interval '1 day' from replaced.users as u`,
  );
  t.is((await tokens()).length, 2);
  await loadRows(
    'replaced',
    user(1, { username: 'a', password: HASH.replace('aaa', 'ccc') }),
    user(2, { username: 'renamed', password: HASH }),
  );
  t.deepEqual(await versions(), [
    { id: '1', token_version: 2 },
    { id: '2', token_version: 1 },
  ]);
  t.deepEqual(await tokens(), [{ user_id: '2' }]);
  // An old fixture restores the old password, but not its sessions.
  await loadRows('replaced', user(1, { username: 'a', password: HASH, token_version: 1 }));
  t.deepEqual(await versions(), [
    { id: '1', token_version: 3 },
    { id: '2', token_version: 1 },
  ]);
});

test('a fixture accepts a hash created by hash-password', async (t) => {
  await world.provision('made');
  const { code, out } = await tenants(['hash-password'], 'a-long-password\n');
  t.is(code, 0);
  const fixture = [user(1, { username: 'mo', password: out.trim() })];
  t.is((await tenants(['load-data', '-', '--schema', 'made'], JSON.stringify(fixture))).code, 0);
  const service = await serve(world);
  t.teardown(service.close);
  t.truthy(await service.logIn('made.localhost', 'mo', 'a-long-password'));
});
