import type { Attack } from './attack.ts';
import { HERE, LIST, ROWS_AND_GUARD, responseOf, theirId, web } from './http.ts';

const EXPORT = `${LIST}export/`;

const rows = ['csv', 'ndjson'].map((format) =>
  web(
    `export-${format}`,
    `an export (${format}) contains no row of another tenant`,
    ROWS_AND_GUARD,
    (fixture, token) => responseOf(fixture, HERE, 'GET', `${EXPORT}?format=${format}`, { token }),
  ),
);

const token = web(
  'export-token',
  "an export of another tenant rejects acme's token",
  ['key', 'audience', 'guard'],
  async (fixture, alice) => responseOf(fixture, 'globex.localhost', 'GET', EXPORT, { token: alice }),
);

const search = web(
  'export-search',
  "an export does not reveal another's rows by its search",
  ROWS_AND_GUARD,
  (fixture, alice) =>
    responseOf(fixture, HERE, 'GET', `${EXPORT}?search=nine&id=${theirId(fixture)}`, { token: alice }),
  'bit',
);

const conditional = ['If-Match', 'If-None-Match'].map((header) =>
  web(
    `etag-${header.toLowerCase()}`,
    `${header} does not distinguish another tenant's row from a missing one`,
    ROWS_AND_GUARD,
    (fixture, alice) =>
      responseOf(fixture, HERE, header === 'If-Match' ? 'DELETE' : 'GET', `${LIST}${theirId(fixture)}/`, {
        token: alice,
        headers: { [header]: '*' },
      }),
    'bit',
  ),
);

const ORIGIN = 'https://app.example.com';

const credentials = web(
  'cors-credentials',
  'a page that acme allows, with credentials, reads no response of globex',
  ['answers'],
  async (fixture) => {
    const { asOwner, acme } = fixture.world;
    const { hank } = await fixture.tokens();
    const settings = { CORS_ALLOWED_ORIGINS: ORIGIN, CORS_ALLOW_CREDENTIALS: 'true' };
    await asOwner('update public.tenants set settings = $2 where id = $1', [
      acme.id,
      JSON.stringify(settings),
    ]);
    try {
      const { request } = await fixture.http();
      const { headers, text } = await request('globex.localhost', 'GET', LIST, {
        token: hank,
        headers: { Origin: ORIGIN, Cookie: 'refresh=x' },
      });
      return headers['access-control-allow-origin'] ? text : [];
    } finally {
      await asOwner(`update public.tenants set settings = '{}' where id = $1`, [acme.id]);
    }
  },
);

/** Attacks with exports, conditional requests, and cross-origin requests. */
export const exportsAndConditions: readonly Attack[] = [...rows, token, search, ...conditional, credentials];
