import { hkdfSync } from 'node:crypto';
import test from 'ava';

import { type AppSecrets, signingKeys, tenantKeys } from '../../src/tenancy/registry/signing-key.ts';
import { tenantId } from '../../src/tenancy/registry/tenant.ts';

const id = tenantId.parse('0b0e7a3c-4a52-4c1b-9a64-9a3f0d0f5a11');
const secrets: AppSecrets = { current: 'c'.repeat(40), previous: 'p'.repeat(40) };

const derive = (secret: string, info: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, id, info, 32));

test('derives a key from each secret, and returns the same objects again', (t) => {
  const keys = signingKeys(secrets, { id, keyGeneration: 1 });
  t.deepEqual(
    keys.map((key) => key.export()),
    [secrets.current, secrets.previous].map((secret) => derive(secret ?? '', 'koa-tenants token 1')),
  );
  t.is(signingKeys(secrets, { id, keyGeneration: 1 }), keys);
});

test('a new key generation has new keys, and the keys of the old one are not cached', (t) => {
  const old = signingKeys(secrets, { id, keyGeneration: 1 });
  const [key] = signingKeys(secrets, { id, keyGeneration: 2 });
  t.deepEqual(key.export(), derive(secrets.current, 'koa-tenants token 2'));
  t.not(signingKeys(secrets, { id, keyGeneration: 1 }), old);
});

test('caches keys separately for each use and each secret', (t) => {
  const [token] = tenantKeys(secrets, { id, keyGeneration: 1 }, 'token');
  const [link] = tenantKeys(secrets, { id, keyGeneration: 1 }, 'link');
  t.deepEqual(link.export(), derive(secrets.current, 'koa-tenants link 1'));
  t.notDeepEqual(link.export(), token.export());
  const [rotated] = tenantKeys(
    { current: 'n'.repeat(40), previous: null },
    { id, keyGeneration: 1 },
    'token',
  );
  t.deepEqual(rotated.export(), derive('n'.repeat(40), 'koa-tenants token 1'));
});
