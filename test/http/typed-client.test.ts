import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';
import test from 'ava';

import { writeClientTypes } from '../../scripts/client-types.ts';
import { sendRequest } from '../../src/testing/test-client.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../helpers/server.ts';
import { checkTypes } from '../helpers/type-check.ts';
import { openWorld, type World } from '../helpers/world.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** A program of a front end. Each `@ts-expect-error` is an error of the compiler if the line has no error. */
const PROGRAM = `
import createClient from 'openapi-fetch';
import type { paths } from './types/tenant.ts';

export async function use(fetch: (request: Request) => Promise<Response>, username: string, password: string) {
  const client = createClient<paths>({ baseUrl: 'http://acme.localhost', fetch });
  const login = await client.POST('/api/auth/jwt/create/', { body: { username, password } });
  if (!login.data) {
    throw new Error(JSON.stringify(login.error));
  }
  const headers = { Authorization: \`Bearer \${login.data.access}\` };

  const created = await client.POST('/api/notes/', { headers, body: { name: 'First' } });
  const id: number | undefined = created.data?.id;
  const list = await client.GET('/api/notes/', { headers, params: { query: { search: 'first', page_size: 5 } } });
  const names: string[] | undefined = list.data?.results.map(({ name }) => name);
  const changed = await client.PATCH('/api/notes/{id}/', {
    headers,
    params: { path: { id: id ?? 0 } },
    body: { description: 'changed' },
  });
  // @ts-expect-error the type of the field is another one
  const invalid = await client.POST('/api/notes/', { headers, body: { name: true } });
  // @ts-expect-error a required field is missing
  const missing = await client.POST('/api/notes/', { headers, body: { description: 'x' } });
  const removed = await client.DELETE('/api/notes/{id}/', { headers, params: { path: { id: id ?? 0 } } });
  return {
    created: created.response.status,
    names,
    count: list.data?.count,
    description: changed.data?.description,
    invalid: invalid.error,
    missing: missing.error,
    removed: removed.response.status,
    anonymous: (await client.GET('/api/notes/')).error,
  };
}

export const wrong = (client: ReturnType<typeof createClient<paths>>) => [
  // @ts-expect-error no such path
  () => client.GET('/api/other/'),
  // @ts-expect-error no such field in a row
  async () => (await client.GET('/api/notes/')).data?.results[0]?.title,
  // @ts-expect-error no such method
  () => client.PUT('/api/notes/', { body: { name: 'x' } }),
];
`;

let world: World;
let service: TestService;
let folder: string;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'ann');
  service = await serve(world);
  // Below the repository, so that the program finds openapi-fetch.
  const cache = path.join(ROOT, 'node_modules/.cache');
  await mkdir(cache, { recursive: true });
  folder = await mkdtemp(path.join(cache, 'typed-client-'));
  await writeClientTypes(servedProject, path.join(folder, 'types'));
  await writeFile(path.join(folder, 'use.ts'), PROGRAM);
  // Node strips no types below node_modules.
  await writeFile(path.join(folder, 'use.mjs'), stripTypeScriptTypes(PROGRAM));
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../../tsconfig.json',
      compilerOptions: { lib: ['es2024', 'dom', 'dom.iterable'], types: [] },
      include: ['.'],
    }),
  );
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
  await rm(folder, { recursive: true, force: true });
});

test('the compiler accepts a program that uses the client correctly, and rejects wrong paths and fields', async (t) => {
  t.is(await checkTypes(folder), '');
});

test('the client logs in, creates, lists, changes and deletes', async (t) => {
  const { use } = (await import(path.join(folder, 'use.mjs'))) as {
    use: (fetch: (request: Request) => Promise<Response>, name: string, password: string) => Promise<unknown>;
  };
  const fetchAcme = async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    const body = await request.text();
    const { status, headers, text } = await sendRequest(
      service.port,
      'acme.localhost',
      request.method,
      `${pathname}${search}`,
      { headers: Object.fromEntries(request.headers), ...(body === '' ? {} : { raw: body }) },
    );
    return new Response(status === 204 ? null : text, {
      status,
      headers: { 'Content-Type': String(headers['content-type'] ?? 'text/plain') },
    });
  };
  t.deepEqual(await use(fetchAcme, 'ann', PASSWORD), {
    created: 201,
    names: ['First'],
    count: 1,
    description: 'changed',
    invalid: { name: ['Not a valid string.'] },
    missing: { name: ['This field is required.'] },
    removed: 204,
    anonymous: { detail: 'Authentication credentials were not provided.', code: 'not_authenticated' },
  });
});
