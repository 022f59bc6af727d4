import type { Category } from './attack.ts';
import { bytes, LIST, responseOf, web } from './http.ts';

// Header lines that are sent unchanged. The first one is the intended Host.
const LINES: ReadonlyArray<
  readonly [id: string, what: string, target: string, lines: readonly string[], version?: string]
> = [
  [
    'forwarded-host',
    'X-Forwarded-Host',
    LIST,
    ['Host: acme.localhost', 'X-Forwarded-Host: globex.localhost'],
  ],
  ['forwarded', 'Forwarded', LIST, ['Host: acme.localhost', 'Forwarded: host=globex.localhost']],
  [
    'x-host',
    'X-Host and X-Original-Host',
    LIST,
    ['Host: acme.localhost', 'X-Host: globex.localhost', 'X-Original-Host: globex.localhost'],
  ],
  ['x-tenant', 'a header of its own', LIST, ['Host: acme.localhost', 'X-Tenant: globex.localhost']],
  [
    'original-url',
    'X-Original-URL',
    LIST,
    ['Host: acme.localhost', 'X-Original-URL: http://globex.localhost/api/attack-notes/'],
  ],
  ['two', 'a second Host', LIST, ['Host: acme.localhost', 'Host: globex.localhost']],
  [
    'two-reversed',
    'a first Host before the right one',
    LIST,
    ['Host: globex.localhost', 'Host: acme.localhost'],
  ],
  ['list', 'two hosts in one header', LIST, ['Host: acme.localhost, globex.localhost']],
  ['folded', 'a Host on a folded line', LIST, ['Host: acme.localhost', ' globex.localhost']],
  [
    'absolute',
    'a request line with another host',
    'http://globex.localhost/api/attack-notes/',
    ['Host: acme.localhost'],
  ],
  [
    'authority',
    'a path that begins like an authority',
    '//globex.localhost/api/attack-notes/',
    ['Host: acme.localhost'],
  ],
  ['userinfo', 'user information in the Host', LIST, ['Host: acme.localhost@globex.localhost']],
  ['upper', 'the other host in upper case', LIST, ['Host: GLOBEX.LOCALHOST']],
  ['dot', 'a trailing dot', LIST, ['Host: globex.localhost.']],
  ['port', 'a port', LIST, ['Host: globex.localhost:80']],
  ['idn', 'a look-alike letter', LIST, ['Host: gl\u043ebex.localhost']],
  ['suffix', 'a longer name that begins alike', LIST, ['Host: globex.localhost.evil.example']],
  ['prefix', 'a shorter name', LIST, ['Host: globe.localhost']],
  ['nested', 'a name below the other', LIST, ['Host: www.globex.localhost']],
  ['underscore', 'an underscore before the other', LIST, ['Host: _globex.localhost']],
  ['ip', 'an address', LIST, ['Host: 127.0.0.1', 'X-Forwarded-Host: globex.localhost']],
  ['none', 'no Host, by HTTP/1.0', LIST, ['X-Forwarded-Host: globex.localhost'], '1.0'],
  [
    'query',
    'a tenant in the query',
    `${LIST}?tenant=globex&schema=globex&host=globex.localhost`,
    ['Host: acme.localhost'],
  ],
];

export const hosts: Category = {
  title: 'Ambiguous hosts',
  attacks: [
    ...LINES.map(([id, what, target, lines, version]) =>
      web(
        `host-${id}`,
        `a token of one tenant does not reach another by ${what}`,
        /^(upper|dot|port)$/.test(id) ? ['key', 'audience', 'guard'] : ['host', 'key', 'audience', 'guard'],
        async (fixture, token) => {
          const { rawRequest } = await fixture.http();
          return rawRequest(bytes(target, [...lines, `Authorization: Bearer ${token}`], '', version));
        },
      ),
    ),
    web(
      'host-method-override',
      "a method override does not delete another's row",
      ['host', 'key', 'audience', 'guard'],
      (fixture, token) =>
        responseOf(fixture, 'globex.localhost', 'POST', `${LIST}1/`, {
          token,
          headers: { 'X-HTTP-Method-Override': 'DELETE' },
          body: { name: 'changed' },
        }),
      'change',
    ),
  ],
};
