import test from 'ava';

import { isEmail } from '../../../src/http/fields/email.ts';

for (const address of [
  'a@b.co',
  "!#$%&'*+-/=?^_`{|}~@example.com",
  'first.last+tag@sub.example.com',
  'user@b\u00fccher.example',
  'user@xn--bcher-kva.example',
  'user@example.xn--p1ai',
  '\u0062@\u4f8b\u3048.\u30c6\u30b9\u30c8',
  'a@localhost',
  '"quoted"@example.com',
  '"two\\ words"@example.com',
  '"a@b"@example.com',
  '"\\""@example.com',
  '""@example.com',
  'a@[127.0.0.1]',
  'a@[::1]',
  'a@[2001:db8::1]',
  `a@${'x'.repeat(63)}.com`,
]) {
  test(`accepts ${address}, as Django does`, (t) => {
    t.true(isEmail(address));
  });
}

for (const address of [
  '',
  'a',
  '@example.com',
  'a@',
  'a@b',
  'a@LOCALHOST',
  'a@b.c',
  '.a@example.com',
  'a.@example.com',
  'a..b@example.com',
  'a b@example.com',
  '"two words"@example.com',
  'a@exam ple.com',
  'a@-example.com',
  'a@example-.com',
  'a@example..com',
  'a@example.com.',
  'a@example.com\n',
  'a\n@example.com',
  '"a\n"@example.com',
  '"a"b"@example.com',
  '"a@example.com',
  'a@[127.0.0.256]',
  'a@[1::2::3]',
  'a@[]',
  'a@127.0.0.1',
  'a@\ud83d\ude00.example',
  `a@${'x'.repeat(64)}.com`,
]) {
  test(`rejects ${JSON.stringify(address)}, as Django does`, (t) => {
    t.false(isEmail(address));
  });
}

test('rejects control characters and characters that only resemble ASCII, which Django accepts', (t) => {
  t.false(isEmail('\u017f@example.com'));
  t.false(isEmail('\u212a@example.com'));
  t.false(isEmail('"a\u0001"@example.com'));
  t.false(isEmail('"a\\\u001b"@example.com'));
});
