import { seen } from '../../../src/tenancy/attack/judge.ts';
import type { Attack, Family } from './attack-on-stage.ts';
import { LIST, theirId, told, web } from './http.ts';

const HERE = 'acme.localhost';
const WALLS = ['path', 'role', 'policy', 'guard'] as const;

const byId = ['GET', 'PUT', 'PATCH', 'DELETE', 'HEAD'].map((method) =>
  web(
    `id-${method.toLowerCase()}`,
    `${method} does not tell another's row from one that is not there`,
    WALLS,
    (stage, token) =>
      told(stage, HERE, method, `${LIST}${theirId(stage)}/`, {
        token,
        ...(method.startsWith('P') ? { body: { name: 'changed' } } : {}),
      }),
    'bit',
  ),
);

const BODIES: ReadonlyArray<readonly [id: string, body: (id: number, tenant: string) => unknown]> = [
  ['body', (id, tenant) => ({ id, name: 'own', tenant, tenant_id: tenant, schema: 'globex' })],
  ['nested', (id, tenant) => ({ name: 'own', project: { id, tenant: { id: tenant, schema: 'globex' } } })],
  ['array', (id) => [{ id, name: 'own' }]],
  [
    'prototype',
    (id, tenant) => JSON.parse(`{"name": "own", "__proto__": {"tenant": "${tenant}", "id": ${id}}}`),
  ],
];

const INJECTIONS: ReadonlyArray<
  readonly [id: string, what: string, walls: Attack['walls'], q: (role: string) => string]
> = [
  ['union', 'a UNION', ['role', 'policy'], () => `' union all select name from globex.projects --`],
  ['or', 'a condition that is always true', WALLS, () => `' or true --`],
  [
    'subselect',
    'a sub-select',
    ['answers', 'role', 'policy'],
    () => `' || (select name from globex.projects where id = 1)::integer::text || '`,
  ],
  [
    'xml',
    'set_config and query_to_xml',
    ['hardening', 'policy'],
    (role) =>
      `' union all select set_config('role', '${role}', true) || query_to_xml('select name from globex.projects', true, false, '')::text --`,
  ],
  [
    'stacked',
    'stacked statements',
    ['statement', 'policy'],
    (role) => `'; set local role ${role}; select name from globex.projects --`,
  ],
];

const injected = INJECTIONS.flatMap(([id, what, walls, q]) =>
  (['one', 'several'] as const).map((route) =>
    web(
      `inject-${route}-${id}`,
      `${what}, injected into ${route === 'one' ? 'a statement' : 'a script'} of a route, does not reach another`,
      walls,
      async (stage, token) => {
        const { request } = await stage.testApp();
        const text = q(stage.world.globex.role);
        const { body } = await (route === 'one'
          ? request(HERE, 'GET', `/api/injectable/?q=${encodeURIComponent(text)}`, { token })
          : request(HERE, 'POST', '/api/injectable/several/', { token, body: { q: text } }));
        return body;
      },
    ),
  ),
);

const users: readonly Attack[] = [
  web(
    'id-user',
    "a user's id of another cannot be told from one that is not there",
    WALLS,
    (stage, token) => told(stage, HERE, 'GET', `/api/auth/users/${theirId(stage)}/`, { token }),
    'bit',
  ),
  web(
    'id-session',
    'a session of another cannot be told from one that is not there',
    WALLS,
    (stage, token) => told(stage, HERE, 'DELETE', `/api/auth/sessions/${theirId(stage)}/`, { token }),
    'bit',
  ),
  web(
    'id-search',
    'a search does not tell what another has',
    WALLS,
    (stage, token) => told(stage, HERE, 'GET', `${LIST}?search=nine&id=${theirId(stage)}`, { token }),
    'bit',
  ),
  web(
    'id-log-in',
    'a log in does not tell whom another has',
    WALLS,
    (stage) =>
      told(stage, HERE, 'POST', '/api/auth/jwt/create/', {
        body: { username: stage.guess.name, password: 'wrong one' },
      }),
    'bit',
  ),
  web(
    'id-reset',
    'a request for a mail does not tell whom another has',
    WALLS,
    (stage) =>
      told(stage, HERE, 'POST', '/api/auth/users/reset_password/', {
        body: { email: `${stage.guess.name}@example.com` },
      }),
    'bit',
  ),
];

const bodies = BODIES.map(([id, body]) =>
  web(
    `id-in-${id}`,
    `a tenant that is named in a ${id === 'body' ? 'body' : `body (${id})`} is a wish and no fact`,
    ['host'],
    async (stage, token) => {
      const answer = await told(stage, HERE, 'POST', LIST, {
        token,
        body: body(theirId(stage), stage.world.globex.id),
      });
      await stage.world.asOwner(`delete from acme.projects where name = 'own'`);
      return answer;
    },
    'change',
  ),
);

/** A cache that two hosts share and that keeps whatever the answer does not forbid. */
const cached = web(
  'answer-cache',
  "a shared cache that keys by path alone keeps no tenant's answer",
  ['answers'],
  async (stage) => {
    const { request } = await stage.http();
    const { hank } = await stage.tokens();
    const { headers, text } = await request('globex.localhost', 'GET', LIST, { token: hank });
    const forbidden = /no-store|private/.test(String(headers['cache-control'] ?? ''));
    return forbidden ? [] : text;
  },
);

const vary = web(
  'answer-vary',
  'a cache that heeds Vary keeps the answers of two hosts apart',
  ['answers'],
  async (stage) => {
    const { request } = await stage.http();
    const { hank } = await stage.tokens();
    const { headers, text } = await request('globex.localhost', 'GET', LIST, { token: hank });
    return /\bHost\b/i.test(String(headers.vary ?? '')) ? [] : text;
  },
);

const cors = web(
  'answer-cors',
  'a page of a neighbour may not read an answer',
  ['answers'],
  async (stage) => {
    const { request } = await stage.http();
    const { hank } = await stage.tokens();
    const { headers, text } = await request('globex.localhost', 'GET', LIST, {
      token: hank,
      headers: { Origin: 'http://acme.localhost' },
    });
    return headers['access-control-allow-origin'] ? text : [];
  },
);

const links = web(
  'answer-links',
  'links of a page lead to the host that was asked, whatever a header says',
  ['answers'],
  async (stage, token) => {
    const { request } = await stage.http();
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

const cookies = web('answer-cookies', 'a cookie is for one host alone', ['answers'], async (stage) => {
  const { request } = await stage.http();
  const { asOwner, acme } = stage.world;
  await asOwner(`update public.tenants set settings = '{"AUTH_COOKIES": true}' where id = $1`, [acme.id]);
  await stage.tokens();
  const { headers } = await request(HERE, 'POST', '/api/auth/jwt/create/', {
    body: { username: 'alice.a', password: 'correct horse battery staple' },
  });
  await asOwner(`update public.tenants set settings = '{}' where id = $1`, [acme.id]);
  return (headers['set-cookie'] ?? []).filter((cookie) => /;\s*domain=/i.test(cookie)).map(seen);
});

export const requests: Family = {
  title: 'What stands in a request, and in an answer',
  attacks: [...byId, ...users, ...bodies, ...injected, cached, vary, cors, links, cookies],
};
