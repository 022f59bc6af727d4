import test from 'ava';

import { kindOf } from '../../console/src/schema-form/schema.ts';
import { domainOf, schemaOf } from '../../console/src/tenants/suggest-names.ts';

test('a nullable field keeps the format of its alternatives and its own', (t) => {
  const nullable = { anyOf: [{ type: 'string', maxLength: 4_096 }, { type: 'null' }] };
  t.is(kindOf(nullable), 'lines');
  t.is(kindOf({ ...nullable, format: 'password' }), 'text');
  t.is(kindOf({ anyOf: [{ type: 'string', format: 'date' }, { type: 'null' }] }), 'date');
});

test('suggested schemas have at most 48 characters and begin with a letter', (t) => {
  t.is(schemaOf('L'.repeat(400)), 'l'.repeat(48));
  t.is(schemaOf('1'.repeat(400)), `t_${'1'.repeat(46)}`);
  t.is(schemaOf('3 Señores & Co.'), 't_3_senores_co');
  t.is(schemaOf('…'), '');
  t.is(domainOf('3 Señores & Co.', 'example.com'), '3-senores-co.example.com');
});

test.serial('a day without a time is that day in every time zone', async (t) => {
  process.env.TZ = 'America/New_York';
  const { formatDay } = await import('../../console/src/components/format.ts');
  t.regex(formatDay('2031-01-01'), /2031/);
  t.regex(formatDay('2031-01-01T02:00:00Z'), /2030/);
  t.is(formatDay(null), '–');
});
