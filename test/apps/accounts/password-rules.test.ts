import test from 'ava';

import { passwordFaults } from '../../../src/apps/accounts/passwords/password-rules.ts';
import fc from '../../helpers/fast-check.ts';

const ANN = { username: 'ann.miller', email: 'ann@example-mail.com', first_name: 'Ann', last_name: 'Miller' };
const faults = (password: string) => passwordFaults(password, ANN);

test('accepts a good password', async (t) => {
  for (const password of [
    'correct horse battery staple',
    'hT7#kQ2!pZ',
    'двенадцать стульев',
    '密码密码很长的密码',
  ]) {
    t.deepEqual(await faults(password), [], password);
  }
});

test('rejects a password that is too short, too common or numeric, with the messages of Django', async (t) => {
  t.deepEqual(await faults('hT7#kQ2'), [
    'This password is too short. It must contain at least 8 characters.',
  ]);
  t.deepEqual(await faults('password1'), ['This password is too common.']);
  t.deepEqual(await faults(' PASSWORD1 '), ['This password is too common.']);
  t.deepEqual(await faults('84629105738462'), ['This password is entirely numeric.']);
  t.deepEqual(await faults('٣٤٥٦٧٨٩٠١'), ['This password is entirely numeric.']);
  t.deepEqual(await faults('1234'), [
    'This password is too short. It must contain at least 8 characters.',
    'This password is too common.',
    'This password is entirely numeric.',
  ]);
});

test('rejects a password that resembles an attribute of the user, and names the attribute', async (t) => {
  t.deepEqual(await faults('ann.miller1'), ['The password is too similar to the username.']);
  t.deepEqual(await faults('rellim.nna'), ['The password is too similar to the username.']);
  t.deepEqual(await faults('example-mail'), ['The password is too similar to the email address.']);
  t.deepEqual(await passwordFaults('Montgomery7', { ...ANN, last_name: 'Montgomery' }), [
    'The password is too similar to the last name.',
  ]);
});

test('a short username inside a long password is not a resemblance', async (t) => {
  t.deepEqual(await faults('ann likes long walks on the beach'), []);
  t.deepEqual(
    await passwordFaults('correct horse', { username: '', email: '', first_name: '', last_name: '' }),
    [],
  );
});

test('returns a result for every text', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: 'binary' }),
      async (password, name) => {
        const found = await passwordFaults(password, { ...ANN, username: name });
        t.true(Array.isArray(found));
        if ([...password].length < 8) {
          t.true(found.some((fault) => fault.includes('too short')));
        }
      },
    ),
  );
});
