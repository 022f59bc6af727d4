import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test, { type ExecutionContext } from 'ava';

import { servedProject } from '../fixture-app/served-project.ts';
import { makeUser, PASSWORD, serve, type TestService, until } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';

const HOST = 'acme.localhost';
const PATH = '/api/notes/export/';
/** Rows of a large export, and the characters of each: more than sockets buffer. */
const [COUNT, LENGTH] = [3_000, 20_000];

let world: World;
let service: TestService;
let token: string;
test.before(async () => {
  world = await openWorld({ project: servedProject });
  await makeUser(world, 'acme', 'alice');
  await makeUser(world, 'globex', 'alice');
  await world.asOwner(
    `insert into acme.notes (name, description)
     select 'large ' || i, repeat('x', ${LENGTH})
     from generate_series(1, ${COUNT}) as s (i)`,
  );
  await world.asOwner(
    `insert into acme.notes (name, description) values
       ('cell 1', 'a "quoted", text'),
       ('cell 2', E'two\\nlines'),
       ('cell 3', '=1+1'),
       ('cell 4', '-5'),
       ('cell 5', '@sum(a1)'),
       ('cell 6', 'äöü 🚀')`,
  );
  service = await serve(world);
  token = await service.logIn(HOST, 'alice', PASSWORD);
});
test.after.always(async () => {
  await service?.close();
  await world?.close();
});

const get = (path: string, headers = {}) => service.request(HOST, 'GET', path, { token, headers });

/** Requests an export, and returns the response before its body is read. */
async function open(t: ExecutionContext, as = token): Promise<IncomingMessage> {
  const outgoing = httpRequest({
    host: '127.0.0.1',
    port: service.port,
    path: PATH,
    agent: false,
    headers: { Host: HOST, Authorization: `Bearer ${as}` },
  });
  outgoing.on('error', () => {});
  outgoing.end();
  t.teardown(() => outgoing.destroy());
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  return response;
}

/** Reads to the end. Returns whether the response is complete. */
async function read(response: IncomingMessage): Promise<{ bytes: number; isComplete: boolean }> {
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
    }
  } catch {
    return { bytes, isComplete: false };
  }
  return { bytes, isComplete: response.complete };
}

/** The transactions of the service that are idle: those of exports that wait for their client. */
const waiting = () =>
  world.asOwner(
    `select pid
     from pg_stat_activity
     where datname = current_database()
       and usename = '${world.service}'
       and state like 'idle in transaction%'`,
  );
const lineOf = ({ headers }: IncomingMessage) =>
  until(
    async () => service.requests.find(({ requestId }) => requestId === headers['x-request-id']),
    (line) => line !== undefined,
  );
/** Waits until the only export waits for its client. */
const stalled = () => until(waiting, (found) => found.length === 1);
/** Waits until an export is possible again. */
const released = async (t: ExecutionContext): Promise<void> => {
  t.deepEqual(await until(waiting, (left) => left.length === 0), []);
  const again = await until(
    () => get(`${PATH}?search=cell`),
    ({ status }) => status === 200,
  );
  t.is(again.status, 200);
};

test.serial('exports rows as CSV that spreadsheets do not run', async (t) => {
  const { status, headers, text } = await get(`${PATH}?search=cell`);
  t.is(status, 200);
  t.is(headers['content-type'], 'text/csv; charset=utf-8');
  t.is(headers['content-disposition'], 'attachment; filename="notes.csv"');
  t.is(headers['content-length'], undefined);
  const lines = text.replaceAll(/^\d+/gm, 'N').split('\r\n');
  t.deepEqual(lines, [
    'id,name,description',
    'N,cell 1,"a ""quoted"", text"',
    'N,cell 2,"two\nlines"',
    "N,cell 3,'=1+1",
    'N,cell 4,-5',
    "N,cell 5,'@sum(a1)",
    'N,cell 6,äöü 🚀',
    '',
  ]);
  t.is((await get(`${PATH}?search=nothing`)).text, 'id,name,description\r\n');
});

test.serial('exports rows as NDJSON, with unchanged values', async (t) => {
  for (const [path, headers] of [
    [`${PATH}?search=cell&format=ndjson`, {}],
    [`${PATH}?search=cell`, { Accept: 'application/x-ndjson' }],
  ] as const) {
    const { headers: sent, text } = await get(path, headers);
    t.is(sent['content-type'], 'application/x-ndjson');
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    t.is(rows.length, 6);
    t.is(rows[2].description, '=1+1');
    t.is(typeof rows[0].id, 'number');
  }
  t.is((await get(`${PATH}?search=nothing&format=ndjson`)).text, '');
  t.is((await get(`${PATH}?search=cell`, { Accept: 'text/csv' })).status, 200);
  t.is((await get(`${PATH}?search=cell`, { Accept: 'image/png' })).status, 406);
  t.is((await get('/api/notes/', { Accept: 'text/csv' })).status, 406);
});

test.serial('rejects what other routes reject, in the same order', async (t) => {
  const ask = async (method: string, path: string, as: string | undefined, host = HOST) =>
    (await service.request(host, method, path, { token: as })).status;
  t.is(await ask('GET', `${PATH}?format=xml`, undefined), 401);
  // A token of another tenant.
  t.is(await ask('GET', PATH, token, 'globex.localhost'), 401);
  t.is(await ask('POST', PATH, token), 405);
  const { status, body } = await get(`${PATH}?format=xml`);
  t.deepEqual([status, body], [400, { format: ['"xml" is not a valid choice.'] }]);
  const head = await service.request(HOST, 'HEAD', PATH, { token });
  t.deepEqual([head.status, head.headers['content-type'], head.text], [200, 'text/csv; charset=utf-8', '']);
  const own = await service.logIn('globex.localhost', 'alice', PASSWORD);
  const neighbor = await service.request('globex.localhost', 'GET', PATH, { token: own });
  t.is(neighbor.text, 'id,name,description\r\n');
  await released(t);
});

test.serial('a large export uses little memory, however slowly it is read', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = async (): Promise<number> => {
    collect();
    // Buffers are freed concurrently.
    await wait(5);
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = await used();
  const response = await open(t);
  let [bytes, chunks, most] = [0, 0, 0];
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    chunks += 1;
    // Two collections of the whole heap each time.
    if (chunks % 200 === 0) {
      most = Math.max(most, (await used()) - before);
    }
  }
  t.true(response.complete);
  t.true(bytes > COUNT * LENGTH, `${bytes} bytes`);
  t.true(most < bytes / 5, `${Math.round(most / 2 ** 20)} MiB for ${Math.round(bytes / 2 ** 20)} MiB`);
  const line = await lineOf(response);
  t.like(line, { status: 200, code: null });
  // The line is written at the end.
  t.true((line?.queries ?? 0) > 10);
});

test.serial('a client that leaves releases its transaction and its place', async (t) => {
  const response = await open(t);
  await once(response, 'readable');
  t.is((await stalled()).length, 1);
  response.destroy();
  await released(t);
  t.deepEqual(service.bugs, []);
});

test.serial('a tenant has one export at a time, and other requests at the same time', async (t) => {
  const response = await open(t);
  const { status, body, headers } = await get(PATH);
  t.deepEqual([status, body.code, headers['retry-after']], [503, 'overloaded', '5']);
  t.is((await get('/api/notes/?page_size=1')).status, 200);
  const own = await service.logIn('globex.localhost', 'alice', PASSWORD);
  t.is((await service.request('globex.localhost', 'GET', PATH, { token: own })).status, 200);
  t.true((await read(response)).isComplete);
  await released(t);
});

test.serial('an error in the middle closes the connection before the end of the response', async (t) => {
  const response = await open(t);
  await once(response, 'readable');
  const [{ pid = 0 } = {}] = await stalled();
  await world.asOwner('select pg_terminate_backend($1)', [pid]);
  t.false((await read(response)).isComplete);
  t.like(await lineOf(response), { status: 200, code: 'database_unavailable' });
  t.deepEqual(service.bugs, []);
  await released(t);
});

const setTenant = (change: string) => () =>
  world.asOwner(`update public.tenants set ${change} where schema_name = 'acme'`);

for (const [what, change, restore, code] of [
  [
    'user is deleted',
    () =>
      service.request(HOST, 'DELETE', '/api/auth/users/me/', { token, body: { current_password: PASSWORD } }),
    async () => {
      await makeUser(world, 'acme', 'alice');
      token = await service.logIn(HOST, 'alice', PASSWORD);
    },
    'user_not_found',
  ],
  [
    'tenant is suspended',
    setTenant(`status = 'suspended'`),
    setTenant(`status = 'active'`),
    'payment_required',
  ],
  [
    'tenant has to pay',
    setTenant('on_trial = false, paid_until = current_date - 2'),
    setTenant('on_trial = true, paid_until = null'),
    'payment_required',
  ],
] as const) {
  test.serial(`an export ends when the ${what}`, async (t) => {
    const response = await open(t);
    await once(response, 'readable');
    try {
      await change();
      // The check is repeated every two seconds.
      await wait(2_100);
      t.false((await read(response)).isComplete);
      t.is((await lineOf(response))?.code, code);
    } finally {
      await restore();
    }
    await released(t);
  });
}

test.serial('an export has a time limit, and so has each wait for the client', async (t) => {
  const set = (settings: object) =>
    world.asOwner(`update public.tenants set settings = $1 where schema_name = 'acme'`, [
      JSON.stringify(settings),
    ]);
  try {
    for (const settings of [{ EXPORT_TIMEOUT: '2000' }, { IDLE_IN_TRANSACTION_TIMEOUT: '2000' }]) {
      await set(settings);
      const response = await open(t);
      // The client does not read.
      t.like(await lineOf(response), { code: 'export_timeout' });
      t.false((await read(response)).isComplete);
    }
  } finally {
    await set({});
  }
  await released(t);
  t.deepEqual(service.bugs, []);
});
