import type { Leak } from '../../../src/attacks/record.ts';
import type { Wall } from '../../../src/attacks/walls.ts';
import type { RequestOptions } from '../../helpers/server.ts';
import type { Fixture } from '../fixture.ts';
import type { Attack } from './attack.ts';

/** Creates an attack over HTTP. It receives alice's token of acme. */
export const web = (
  id: string,
  name: string,
  walls: readonly [Wall, ...Wall[]],
  action: (fixture: Fixture, token: string) => Promise<unknown>,
  leak: Leak = 'row',
): Attack => ({
  id,
  name,
  controls: 'an HTTP request',
  walls,
  leak,
  action: async (fixture) => action(fixture, (await fixture.tokens()).alice),
});

export const LIST = '/api/attack-notes/';
export const HERE = 'acme.localhost';

/** The walls that stop a request with an id of another tenant. */
export const ROWS_AND_GUARD = ['path', 'role', 'policy', 'guard'] as const;

/** Sends a request and returns the response without the headers that differ between any two. */
export async function responseOf(
  fixture: Fixture,
  host: string,
  method: string,
  path: string,
  asking: RequestOptions = {},
): Promise<unknown> {
  const { request } = await fixture.http();
  const { status, text, headers } = await request(host, method, path, asking).catch((error: Error) => ({
    status: 0,
    text: error.message,
    headers: {},
  }));
  const { 'x-request-id': _id, date: _date, ...rest } = headers as Record<string, unknown>;
  return { status, text, headers: rest };
}

export const bytes = (target: string, headers: readonly string[], body = '', version = '1.1'): string =>
  [`GET ${target} HTTP/${version}`, ...headers, 'Connection: close', '', body].join('\r\n');

/** Returns the id of a row that exists in globex and not in acme, or an unused one. */
export const theirId = ({ guess }: Fixture): number => guess.id;
