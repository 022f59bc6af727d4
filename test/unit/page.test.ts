import test from 'ava';

import { pageOf, pageRequest } from '../../src/http/page.ts';
import fc from '../helpers/fast-check.ts';

const ctx = (querystring = '') => ({ protocol: 'http', host: 'h:1', path: '/p/', querystring });

test('defaults to page 1 with 20 rows', (t) => {
  t.deepEqual(pageRequest({}), { page: 1, size: 20 });
});

test('a page is a positive whole number or last', (t) => {
  t.is(pageRequest({ page: 'last' }).page, 'last');
  t.is(pageRequest({ page: '007' }).page, 7);
  // As Python's int parses them.
  for (const [page, number] of [
    ['+2', 2],
    [' 2 ', 2],
    ['1_0', 10],
    ['٢', 2],
    ['', 1],
  ] as const) {
    t.is(pageRequest({ page }).page, number, page);
  }
  for (const page of ['0', '00', '-1', '1.0', 'x', '1 2', '1__0', '_1', '1e1', '9'.repeat(20), 'Last']) {
    t.throws(() => pageRequest({ page }), { message: 'Invalid page.' }, page);
  }
});

test('a page size is 1 to 100, and defaults to 20 for an invalid number', (t) => {
  for (const [given, size] of [
    ['1', 1],
    ['100', 100],
    ['101', 100],
    ['9'.repeat(400), 100],
    ['0', 20],
    ['-1', 20],
    ['+7', 7],
    ['x', 20],
  ] as const) {
    t.is(pageRequest({ page_size: given }).size, size, given);
  }
});

test('links keep the rest of the query, and the link to the first page has no page number', (t) => {
  const page = pageOf(
    ctx('search=a%20b&page=2&page_size=1'),
    { page: 2, size: 1 },
    { count: 3, rows: ['x'] },
  );
  t.is(page.next, 'http://h:1/p/?search=a+b&page=3&page_size=1');
  t.is(page.previous, 'http://h:1/p/?search=a+b&page_size=1');
  const second = pageOf(ctx('page=2'), { page: 2, size: 1 }, { count: 2, rows: ['x'] });
  t.is(second.previous, 'http://h:1/p/');
});

test('a page past the end does not exist, but the first page of an empty list does', (t) => {
  t.throws(() => pageOf(ctx(), { page: 2, size: 20 }, { count: 20, rows: [] }), { message: 'Invalid page.' });
  t.deepEqual(pageOf(ctx(), { page: 1, size: 20 }, { count: 0, rows: [] }), {
    count: 0,
    next: null,
    previous: null,
    results: [],
  });
});

test('next links lead through every page once, and previous links lead back', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 100 }), (count, size) => {
      const back: (string | null)[] = [];
      let query = `page_size=${size}`;
      let pages = 0;
      for (;;) {
        const request = pageRequest(Object.fromEntries(new URLSearchParams(query)));
        const page = pageOf(ctx(query), request, { count, rows: [] });
        pages += 1;
        back.push(page.previous);
        if (page.next === null) {
          break;
        }
        query = new URL(page.next).search.slice(1);
      }
      return (
        pages === Math.max(1, Math.ceil(count / size)) && back.filter((link) => link === null).length === 1
      );
    }),
  );
  t.pass();
});
