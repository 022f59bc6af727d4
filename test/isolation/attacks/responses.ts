import { seen } from '../../../src/attacks/evaluate.ts';
import type { Attack } from './attack.ts';
import { HERE, LIST, web } from './http.ts';

/** A cache of two hosts would store every response whose headers allow it. */
const cached = web(
  'answer-cache',
  "a shared cache whose key is the path alone does not store a tenant's response",
  ['answers'],
  async (fixture) => {
    const { request } = await fixture.http();
    const { hank } = await fixture.tokens();
    const { headers, text } = await request('globex.localhost', 'GET', LIST, { token: hank });
    const forbidden = /no-store|private/.test(String(headers['cache-control'] ?? ''));
    return forbidden ? [] : text;
  },
);

const vary = web(
  'answer-vary',
  'a cache that respects Vary separates the responses of two hosts',
  ['answers'],
  async (fixture) => {
    const { request } = await fixture.http();
    const { hank } = await fixture.tokens();
    const { headers, text } = await request('globex.localhost', 'GET', LIST, { token: hank });
    return /\bHost\b/i.test(String(headers.vary ?? '')) ? [] : text;
  },
);

const cors = web(
  'answer-cors',
  'a page of another tenant cannot read a response',
  ['answers'],
  async (fixture) => {
    const { request } = await fixture.http();
    const { hank } = await fixture.tokens();
    const { headers, text } = await request('globex.localhost', 'GET', LIST, {
      token: hank,
      headers: { Origin: 'http://acme.localhost' },
    });
    return headers['access-control-allow-origin'] ? text : [];
  },
);

const links = web(
  'answer-links',
  'links of a page lead to the requested host, regardless of headers',
  ['answers'],
  async (fixture, token) => {
    const { request } = await fixture.http();
    const { body } = await request(HERE, 'GET', `${LIST}?page_size=1`, {
      token,
      headers: {
        'X-Forwarded-Host': 'globex.localhost',
        Referer: 'http://globex.localhost/',
        Origin: 'http://globex.localhost',
      },
    });
    return String(body.next).startsWith('http://acme.localhost/') ? [] : seen(`the link is ${body.next}`);
  },
);

const cookies = web('answer-cookies', 'a cookie is valid for one host only', ['answers'], async (fixture) => {
  const { request } = await fixture.http();
  const { asOwner, acme } = fixture.world;
  await asOwner(`update public.tenants set settings = '{"AUTH_COOKIES": true}' where id = $1`, [acme.id]);
  await fixture.tokens();
  const { headers } = await request(HERE, 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice.a', password: 'correct horse battery staple' },
  });
  await asOwner(`update public.tenants set settings = '{}' where id = $1`, [acme.id]);
  return (headers['set-cookie'] ?? []).filter((cookie) => /;\s*domain=/i.test(cookie)).map(seen);
});

/** Attacks with the parts of a response that a client could use at another host. */
export const responses: readonly Attack[] = [cached, vary, cors, links, cookies];
