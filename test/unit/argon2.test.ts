import { hash } from '@node-rs/argon2';
import test from 'ava';

import { verify } from '../helpers/processes/argon2.ts';

test('a repeated verification has the same result, for each hash and password', async (t) => {
  const [one, other] = await Promise.all([hash('one'), hash('other')]);
  for (const _ of [1, 2]) {
    t.deepEqual(
      await Promise.all([
        verify(one, 'one'),
        verify(one, 'other'),
        verify(other, 'one'),
        verify(other, 'other'),
      ]),
      [true, false, false, true],
    );
  }
  t.is(verify(one, 'one'), verify(one, 'one'));
  t.not(verify(one, 'one'), verify(one, 'other'));
});

test('modules of the process use it', async (t) => {
  t.is((await import('@node-rs/argon2')).verify, verify);
});
