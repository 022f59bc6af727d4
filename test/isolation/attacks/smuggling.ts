import type { Attack, Category } from './attack.ts';
import { LIST, web } from './http.ts';

const SHAPES: ReadonlyArray<
  readonly [id: string, what: string, headers: (length: number) => readonly string[]]
> = [
  [
    'cl-te',
    'Content-Length before Transfer-Encoding',
    (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: chunked'],
  ],
  [
    'te-cl',
    'Transfer-Encoding before Content-Length',
    (n) => ['Transfer-Encoding: chunked', `Content-Length: ${n}`],
  ],
  [
    'te-te',
    'two Transfer-Encodings',
    (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: chunked', 'Transfer-encoding: identity'],
  ],
  ['te-space', 'a space before the colon', (n) => [`Content-Length: ${n}`, 'Transfer-Encoding : chunked']],
  ['te-tab', 'a tab before the word', (n) => [`Content-Length: ${n}`, 'Transfer-Encoding:\tchunked']],
  ['te-case', 'another coding', (n) => [`Content-Length: ${n}`, 'Transfer-Encoding: xchunked, chunked']],
];

/**
 * A proxy uses Content-Length, and one connection to the service for all its clients. Bytes that acme
 * adds after its last chunk would become the beginning of globex's request, which would then write to
 * acme's attack_notes.
 */
const smuggle = ([id, what, headersOf]: (typeof SHAPES)[number]): Attack =>
  web(
    `smuggle-${id}`,
    `a request hidden by ${what} does not capture another tenant's`,
    ['parser'],
    async (fixture, token) => {
      const { rawRequest, request } = await fixture.http();
      const auth = `Authorization: Bearer ${token}`;
      const victim = `GET /x?secret=canary-8d1f3c HTTP/1.1\r\nHost: globex.localhost\r\n\r\n`;
      const json = 'Content-Type: application/json';
      const start = '{"name": "captured", "description": "';
      const end = '"}';
      const hidden = [
        `POST ${LIST} HTTP/1.1`,
        'Host: acme.localhost',
        auth,
        'Content-Type: application/json',
        `Content-Length: ${start.length + 36 + end.length}`,
        'Connection: close',
        '',
        start,
      ].join('\r\n');
      const body = `0\r\n\r\n${hidden}`;
      const whole = [
        `POST ${LIST} HTTP/1.1`,
        'Host: acme.localhost',
        auth,
        json,
        ...headersOf(body.length),
        '',
        body,
      ].join('\r\n');
      // The first line of globex's request, up to the first character that would end the string.
      // A server that uses the first of two Transfer-Encoding headers waits for more data.
      await rawRequest(`${whole}${victim.slice(0, 36)}${end}`, 5_000);
      const list = await request('acme.localhost', 'GET', `${LIST}?search=captured`, { token });
      await fixture.world.asOwner(`delete from acme.attack_notes where name = 'captured'`);
      return list.body;
    },
  );

export const smuggling: Category = { title: 'Request smuggling', attacks: SHAPES.map(smuggle) };
