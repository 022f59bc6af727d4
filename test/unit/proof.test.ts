import { createHmac } from 'node:crypto';
import test from 'ava';

import { parseProofKeys } from '../../src/tenancy/context/keys.ts';
import { createProof, reuseProof } from '../../src/tenancy/context/proof.ts';
import { tenantId } from '../../src/tenancy/registry/tenant.ts';

const [key, other] = parseProofKeys(`one:${'a'.repeat(32)},two:${'b'.repeat(40)}`);
const acme = tenantId.parse('0b0e7a3c-4a52-4c1b-9a64-9a3f0d0f5a11');
const globex = tenantId.parse('7d1f5f62-0a4b-4f6c-8f0e-2b8f3a1c9e22');
const NOW = Date.UTC(2026, 10, 1, 12, 0, 0, 999);

test('a proof contains the key id and signs the tenant and the expiry', (t) => {
  const { expires, text } = createProof(key, acme, NOW);
  t.is(expires, Math.floor(NOW / 1000) + 60);
  const mac = createHmac('sha256', key.secret).update(`enter|${acme}|${expires}`).digest('hex');
  t.is(text, `one.${mac}`);
});

test('the tenant, the second and the key change the proof', (t) => {
  t.truthy(other);
  const proofs = [
    createProof(key, acme, NOW),
    createProof(key, globex, NOW),
    createProof(key, acme, NOW + 1000),
    ...(other ? [createProof(other, acme, NOW)] : []),
  ];
  t.is(new Set(proofs.map(({ text }) => text)).size, 4);
});

test('a new proof is valid for one minute', (t) => {
  const { expires } = createProof(key, acme);
  const left = expires - Date.now() / 1000;
  t.true(left > 58 && left <= 60, String(left));
});

test('reuses a proof of the same key and tenant for 15 seconds', (t) => {
  const first = reuseProof(key, acme, NOW);
  t.deepEqual(first, createProof(key, acme, NOW));
  t.is(reuseProof(key, acme, NOW + 14_000), first);
  const next = reuseProof(key, acme, NOW + 15_000);
  t.deepEqual(next, createProof(key, acme, NOW + 15_000));
  t.is(reuseProof(key, acme, NOW + 16_000), next);
});

test('does not reuse a proof of another tenant or another key', (t) => {
  reuseProof(key, acme, NOW);
  t.deepEqual(reuseProof(key, globex, NOW), createProof(key, globex, NOW));
  t.truthy(other);
  if (other) {
    t.deepEqual(reuseProof(other, acme, NOW), createProof(other, acme, NOW));
  }
});

test('creates a new proof when the clock was set back', (t) => {
  reuseProof(key, acme, NOW);
  const earlier = NOW - 3_600_000;
  t.deepEqual(reuseProof(key, acme, earlier), createProof(key, acme, earlier));
});

test('reads keys in their order, and derives 32 bytes from every secret', (t) => {
  t.deepEqual(
    parseProofKeys(` one:${'a'.repeat(32)} , two:${'b'.repeat(400)}`).map(({ id, secret }) => [
      id,
      secret.length,
    ]),
    [
      ['one', 32],
      ['two', 32],
    ],
  );
});

for (const [what, text, message] of [
  ['an empty text', '', /pair 1 must be/],
  ['a pair without a secret', 'one', /pair 1 must be/],
  ['a pair without an id', `:${'a'.repeat(32)}`, /pair 1 must be/],
  ['a pair with a third part', `one:${'a'.repeat(32)}:x`, /pair 1 must be/],
  ['an id with a dot, which would split the proof', `o.e:${'a'.repeat(32)}`, /pair 1 must be/],
  ['an id with a bar', `o|e:${'a'.repeat(32)}`, /pair 1 must be/],
  ['a trailing comma', `one:${'a'.repeat(32)},`, /pair 2 must be/],
  ['a short secret', 'one:short-secret', /key "one" must have at least 32/],
  ['the same id twice', `one:${'a'.repeat(32)},one:${'b'.repeat(32)}`, /unique id/],
] as const) {
  test(`rejects ${what} without printing a secret`, (t) => {
    const error = t.throws(() => parseProofKeys(text), { instanceOf: TypeError, message });
    t.false(error?.message.includes('short-secret') || error?.message.includes('aaaa'));
  });
}
