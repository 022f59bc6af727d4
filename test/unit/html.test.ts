import test from 'ava';

import { html } from '../../src/http/html/html.ts';
import { localPath } from '../../src/http/html/page-route.ts';

test('escapes values, also in lists, and keeps nested templates', (t) => {
  const hostile = `<script a="b" c='d'>&`;
  const escaped = '&lt;script a=&quot;b&quot; c=&#39;d&#39;&gt;&amp;';
  t.is(html`<p title="${hostile}">${hostile}</p>`.toString(), `<p title="${escaped}">${escaped}</p>`);
  t.is(html`${[hostile, html`<b>${hostile}</b>`]}`.toString(), `${escaped}<b>${escaped}</b>`);
  t.is(html`a${null}b${undefined}c${false}d${0}`.toString(), 'abcd0');
  t.is(html`${{ toString: () => hostile } as never}`.toString(), escaped);
});

test('returns paths of this host only', (t) => {
  for (const path of ['/', '/a', '/a/b?c=d&e=%2F', '/a//b']) {
    t.is(localPath(path, '/otherwise'), path);
  }
  for (const path of [
    '//a',
    '/\\a',
    'a',
    'http://a',
    '/.//a',
    '/\n/a',
    '/ a',
    '/a\u202eb',
    '',
    null,
    ['/a'],
    `/${'a'.repeat(3_000)}`,
  ]) {
    t.is(localPath(path, '/otherwise'), '/otherwise', String(path).slice(0, 20));
  }
});
