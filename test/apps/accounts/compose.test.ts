import test from 'ava';

import { compose } from '../../../src/apps/accounts/mail/compose.ts';
import { MAIL_KINDS } from '../../../src/apps/accounts/mail/outbox-queries.ts';

const LINK = 'https://acme.example.com/activate/Nw/abc-def';
const facts = {
  site: 'Acme Inc',
  from: 'no-reply@example.com',
  to: 'ann@example.com',
  account: { username: 'ann' },
};

test('every mail names its tenant and its recipient, in text and in HTML', (t) => {
  for (const kind of MAIL_KINDS) {
    const { subject, text, html, to, from } = compose(kind, { ...facts, link: null });
    t.true(subject.includes('Acme Inc'), kind);
    t.true(text.includes('ann') && html.includes('ann'), kind);
    t.deepEqual([to, from], ['ann@example.com', { name: 'Acme Inc', address: 'no-reply@example.com' }]);
  }
});

test('writes a link on a separate line of the text, and as an anchor in the HTML', (t) => {
  const { text, html, link } = compose('activation', { ...facts, link: LINK });
  t.is(link, LINK);
  t.true(text.split('\n').includes(LINK));
  t.true(html.includes(`<a href="${LINK}">${LINK}</a>`));
});

test('escapes the names of tenants and users in headers and markup', (t) => {
  const { subject, html, text, from } = compose('activation', {
    ...facts,
    site: 'Evil\r\nBcc: all@example.com\u2028<script>alert(1)</script>',
    account: { username: '<b>"ann"</b>' },
    link: 'https://x.example/"><script>',
  });
  for (const line of [subject, from.name]) {
    t.notRegex(line, /[\r\n\u2028]/);
  }
  t.notRegex(html, /<script>|<b>/);
  t.false(text.includes('\r'));
});
