import type { Attack } from './attack.ts';
import { HERE, ROWS_AND_GUARD, web } from './http.ts';

const INJECTIONS: ReadonlyArray<
  readonly [id: string, what: string, walls: Attack['walls'], q: (role: string) => string]
> = [
  ['union', 'a UNION', ['role', 'policy'], () => `' union all select name from globex.attack_notes --`],
  ['or', 'a condition that is always true', ROWS_AND_GUARD, () => `' or true --`],
  [
    'subselect',
    'a sub-select',
    ['answers', 'role', 'policy'],
    () => `' || (select name from globex.attack_notes where id = 1)::integer::text || '`,
  ],
  [
    'xml',
    'set_config and query_to_xml',
    ['hardening', 'policy'],
    (role) =>
      `' union all select set_config('role', '${role}', true) || query_to_xml('select name from globex.attack_notes', true, false, '')::text --`,
  ],
  [
    'stacked',
    'stacked statements',
    ['statement', 'policy'],
    (role) => `'; set local role ${role}; select name from globex.attack_notes --`,
  ],
];

/** SQL injection through two routes of the test app. */
export const injections: readonly Attack[] = INJECTIONS.flatMap(([id, what, walls, q]) =>
  (['one', 'several'] as const).map((route) =>
    web(
      `inject-${route}-${id}`,
      `${what}, injected into ${route === 'one' ? 'a statement' : 'a script'} of a route, does not reach another`,
      walls,
      async (fixture, token) => {
        const { request } = await fixture.testApp();
        const text = q(fixture.world.globex.role);
        const { body } = await (route === 'one'
          ? request(HERE, 'GET', `/api/injectable/?q=${encodeURIComponent(text)}`, { token })
          : request(HERE, 'POST', '/api/injectable/several/', { token, body: { q: text } }));
        return body;
      },
    ),
  ),
);
