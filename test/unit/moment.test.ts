import test from 'ava';
import { TYPE_PARSERS } from '../../src/db/driver/type-parsers.ts';
import { datetime } from '../../src/http/fields/date.ts';

const TIMESTAMPTZ = 1184;
const parse = TYPE_PARSERS.getTypeParser(TIMESTAMPTZ) as (text: string) => unknown;

test('a time keeps its microseconds in JSON, as in Django REST Framework', (t) => {
  for (const [text, json] of [
    ['2026-11-29 20:43:33.296627+00', '2026-11-29T20:43:33.296627Z'],
    ['2026-11-29 20:43:33.29+00', '2026-11-29T20:43:33.290000Z'],
    ['2026-11-29 20:43:33.000001+00', '2026-11-29T20:43:33.000001Z'],
    ['2026-11-29 22:43:33+02', '2026-11-29T20:43:33Z'],
    ['1969-12-31 23:59:59.999999+00', '1969-12-31T23:59:59.999999Z'],
  ] as const) {
    t.is(JSON.stringify(parse(text)), `"${json}"`);
  }
});

test('parses infinity as pg does, and serializes it', (t) => {
  t.is(parse('infinity'), Number.POSITIVE_INFINITY);
  t.is(parse('-infinity'), Number.NEGATIVE_INFINITY);
});

test('a time from a client keeps its microseconds', (t) => {
  const moment = datetime().parse('2026-11-29T22:43:33.296627+02:00');
  t.is(moment.toISOString(), '2026-11-29T20:43:33.296627Z');
  t.is(moment.getTime(), Date.UTC(2026, 10, 29, 20, 43, 33, 296));
});
