import test from 'ava';

import { parseProofKeys } from '../../src/tenancy/context/keys.ts';

const secret = 's'.repeat(32);

test('the first key signs, and the keys keep their order', (t) => {
  const keys = parseProofKeys(` new:${secret} , old:${secret}x `);
  t.deepEqual(
    keys.map(({ id }) => id),
    ['new', 'old'],
  );
  t.true(keys.every((key) => key.secret.length === 32));
  t.notDeepEqual(keys[0].secret, keys[1]?.secret);
});

test('rejects two keys with the same name', (t) => {
  t.throws(() => parseProofKeys(`a:${secret},a:${secret}`), { instanceOf: TypeError });
});

test('an error names the pair or the key, and never the secret', (t) => {
  for (const text of [
    '',
    ',',
    `a:${secret},`,
    secret,
    `:${secret}`,
    'a:hidden-and-short',
    `a:${secret}:more`,
    `with space:${secret}`,
    `${'i'.repeat(33)}:${secret}`,
  ]) {
    const error = t.throws(() => parseProofKeys(text), { instanceOf: TypeError }, text);
    t.false(error?.message.includes(secret));
    t.false(error?.message.includes('hidden'));
  }
});
