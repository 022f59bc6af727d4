import { randomBytes, randomUUID } from 'node:crypto';
import test from 'ava';

import { readConfig } from '../../src/config/config.ts';
import { isStrongSecret } from '../../src/config/secret-strength.ts';
import { servedProject } from '../fixture-app/served-project.ts';

const good = () => randomBytes(36).toString('base64');
const read = (secrets: Record<string, string>) =>
  readConfig(servedProject, {
    DATABASE_URL: 'postgres://app@localhost/app',
    APP_SECRET: good(),
    TENANCY_KEYS: `k1:${good()}`,
    ...secrets,
  });

const WEAK = [
  'changemechangemechangemechangeme',
  'CHANGEMEchangemeChangeMechangeme',
  'x'.repeat(32),
  'x'.repeat(10_000),
  'ab'.repeat(32),
  '0123456789abcdef0123456789abcdef',
  '01234567890123456789012345678901',
  'abcdefghijklmnopqrstuvwxyz012345',
  '00000000000000000000000000000000',
  '11111111222222223333333344444444',
  'passwordpasswordpasswordpassword',
  'secret-secret-secret-secret-secret',
  'your-secret-key-your-secret-key-1',
  'qwertyqwertyqwertyqwertyqwerty12',
  'please-change-this-secret-value!',
  'deadbeefdeadbeefdeadbeefdeadbeef',
  `${'0'.repeat(24)}12345678`,
];

for (const weak of WEAK) {
  test(`rejects the weak secret ${weak.slice(0, 40)}`, (t) => {
    for (const [name, value] of [
      ['APP_SECRET', weak],
      ['APP_SECRET_PREVIOUS', weak],
      ['TENANCY_KEYS', `k1:${weak}`],
      ['TENANCY_KEYS', `k1:${good()},k2:${weak}`],
    ] as const) {
      const error = t.throws(() => read({ [name]: value }));
      t.regex(error?.message ?? '', new RegExp(`${name} .*is too weak.*openssl rand -base64 48`));
      t.false(error?.message.includes(weak));
    }
  });
}

test('accepts random secrets of every usual form', (t) => {
  for (let n = 0; n < 3_000; n += 1) {
    for (const secret of [
      randomBytes(16).toString('hex'),
      randomBytes(32).toString('hex').toUpperCase(),
      randomBytes(24).toString('base64'),
      randomBytes(24).toString('base64url'),
      randomUUID(),
    ]) {
      t.true(isStrongSecret(secret), secret);
    }
  }
  t.truthy(read({ APP_SECRET_PREVIOUS: good() }));
});
