import { hash } from '@node-rs/argon2';
import test from 'ava';

import { createPasswords, hashCostOf, hashPassword } from '../../../src/apps/accounts/passwords/password.ts';
import { isVerifiable, storedPasswordFault } from '../../../src/apps/accounts/passwords/stored-password.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { project } from './project.ts';

let world: World;
test.before(async () => {
  world = await openWorld({ project });
});
test.after.always(() => world?.close());

const PASSWORD = 'correct horse battery staple';
const REST = `${'a'.repeat(22)}$${'b'.repeat(43)}`;
const store = (password: string) =>
  world.asOwner(`insert into acme.users (username, password) values ('u' || gen_random_uuid(), $1)`, [
    password,
  ]);

for (const parameters of [
  'm=19456,t=3000,p=1',
  'm=4294967295,t=1,p=1',
  'm=99999999999999999999,t=1,p=1',
  'm=65537,t=1,p=1',
  'm=65536,t=4,p=1',
  'm=49153,t=4,p=1',
  'm=19456,t=10,p=1',
  'm=19456,t=2,p=5',
  'm=19456,t=2,p=255',
  'm=019456,t=2,p=1',
  'm=19456,t=0,p=1',
  'm=-1,t=2,p=1',
]) {
  test(`rejects a hash with ${parameters} on write and on verification`, async (t) => {
    const stored = `$argon2id$v=19$${parameters}$${REST}`;
    t.false(isVerifiable(stored));
    t.not(storedPasswordFault(stored), null);
    await t.throwsAsync(store(stored), { message: /users__password_cost/ });
  });
}

for (const stored of [
  `$argon2i$v=19$m=19456,t=2,p=1$${REST}`,
  `$argon2d$v=19$m=19456,t=2,p=1$${REST}`,
  `$argon2id$v=16$m=19456,t=2,p=1$${REST}`,
  `$argon2id$m=19456,t=2,p=1$${REST}`,
  `$argon2id$v=19$m=19456,t=2,p=1$${REST}\n`,
  `$argon2id$v=19$m=19456,t=2,p=1$${'a'.repeat(22)}$${'b'.repeat(1000)}`,
  `$argon2id$v=19$m=19456,t=2,p=1,keyid=x$${REST}`,
]) {
  test(`rejects a hash of another form on write and on verification: ${JSON.stringify(stored.slice(0, 40))}, ${stored.length}`, async (t) => {
    t.false(isVerifiable(stored));
    await t.throwsAsync(store(stored), { message: /users__password_cost/ });
  });
}

test('accepts hashes created by this code, and hashes at the limits', async (t) => {
  for (const stored of [
    await hashPassword(PASSWORD),
    `$argon2id$v=19$m=65536,t=3,p=4$${REST}`,
    `$argon2id$v=19$m=19456,t=9,p=1$${REST}`,
    '!',
  ]) {
    await store(stored);
    t.is(storedPasswordFault(stored), null);
  }
});

test('a hash beyond the limit does not match, even with the right password', async (t) => {
  const passwords = createPasswords({ threads: 1, queueLength: 10 });
  const expensive = await hash(PASSWORD, { memoryCost: 1024, timeCost: 10, parallelism: 1 });
  t.true(expensive.includes('t=10'));
  t.false(await passwords.matches('acme', PASSWORD, expensive));
  t.true(
    await passwords.matches(
      'acme',
      PASSWORD,
      await hash(PASSWORD, { memoryCost: 1024, timeCost: 9, parallelism: 1 }),
    ),
  );
});

test('new hashes have the configured cost, and hashes with another cost are outdated', async (t) => {
  const passwords = createPasswords({ threads: 1, queueLength: 10, cost: { memory: 7_168, passes: 5 } });
  const stored = await passwords.hash('acme', PASSWORD);
  t.regex(stored, /^\$argon2id\$v=19\$m=7168,t=5,p=1\$/);
  t.true(await passwords.matches('acme', PASSWORD, stored));
  t.false(passwords.isOutdated(stored));
  t.true(passwords.isOutdated(await hashPassword(PASSWORD)));
});

test('a hash with more memory than PASSWORD_MAX_MEMORY does not match', async (t) => {
  const passwords = createPasswords({ threads: 1, queueLength: 10, maxMemory: 7_168 });
  for (const [memoryCost, timeCost, matches] of [
    [7_168, 3, true],
    [7_168, 4, false],
    [7_169, 1, false],
  ] as const) {
    const stored = await hash(PASSWORD, { memoryCost, timeCost, parallelism: 1 });
    t.is(await passwords.matches('acme', PASSWORD, stored), matches, stored.slice(0, 40));
  }
});

test('rejects settings for weak hashes and for hashes that could not be verified', (t) => {
  const of = (memory: number, passes: number, maxMemory: number) => () =>
    hashCostOf({ PASSWORD_MEMORY: memory, PASSWORD_PASSES: passes, PASSWORD_MAX_MEMORY: maxMemory });
  t.deepEqual(of(19_456, 2, 65_536)(), { memory: 19_456, passes: 2 });
  t.deepEqual(of(65_536, 3, 65_536)(), { memory: 65_536, passes: 3 });
  for (const [settings, message] of [
    [of(7_168, 4, 65_536), /must be 35840 or more/],
    [of(19_456, 1, 65_536), /must be 35840 or more/],
    [of(65_536, 4, 65_536), /would not be verified/],
    [of(19_456, 2, 12_288), /would not be verified/],
  ] as const) {
    t.throws(settings, { code: 'configuration_invalid', message } as never);
  }
});
