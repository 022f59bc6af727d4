import test from 'ava';

import { ApiError } from '../../src/errors.ts';
import { hostName } from '../../src/http/host.ts';
import fc from '../helpers/fast-check.ts';

for (const [header, name] of [
  ['acme.localhost', 'acme.localhost'],
  ['ACME.LocalHost:8080', 'acme.localhost'],
  ['acme.localhost.', 'acme.localhost'],
  ['acme.localhost.:80', 'acme.localhost'],
  ['localhost', 'localhost'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['127.0.0.1:80', '127.0.0.1'],
  ['[::1]:80', '[::1]'],
] as const) {
  test(`normalizes the host "${header}" to ${name}`, (t) => {
    t.is(hostName(header), name);
  });
}

for (const header of [
  '',
  ' ',
  '.',
  ':80',
  'a b',
  'a..b',
  'acme.localhost..',
  'acme.localhost:',
  'acme.localhost:x',
  'acme.localhost:123456',
  'user@acme.localhost',
  'acme.localhost/x',
  'acme.localhost?x',
  'acme.localhost#x',
  'a,b',
  'a_b.localhost',
  '-a.localhost',
  'a-.localhost',
  '[acme]',
  '[::1',
  'böse.localhost',
  'acme.localhost\0',
  'acme.localhost\n',
  `${'a'.repeat(64)}.localhost`,
  `${'a.'.repeat(130)}localhost`,
]) {
  test(`rejects the host "${header.slice(0, 30)}" (${header.length})`, (t) => {
    const error = t.throws(() => hostName(header), { instanceOf: ApiError });
    t.is(error?.code, 'host_malformed');
  });
}

test('every text is either normalized or rejected as malformed', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (header) => {
      try {
        const name = hostName(header);
        return name === name.toLowerCase() && name === hostName(name) && /^[a-z0-9.:[\]-]+$/.test(name);
      } catch (error) {
        return error instanceof ApiError && error.code === 'host_malformed';
      }
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});
