import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';

import { type Answer, sendRequest, until } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';
import { type OwnProcess, openWorldWithUsers, startProcess } from './own-process.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { mayMount, mountSmallDisk, type SmallDisk } from './small-disk.ts';
import { account, startWriters, statusOf } from './writers.ts';

let disk: SmallDisk;
let server: OwnServer;
let world: World;
let main: OwnProcess;
const teardowns: Array<() => unknown> = [];
if (mayMount) {
  test.before(async () => {
    disk = await mountSmallDisk(400);
    server = await startOwnServer(disk.folder);
    world = await openWorldWithUsers({ server: server.url });
    main = await startProcess({ teardown: (end) => void teardowns.push(end) }, world, {
      CONNECT_TIMEOUT: '10000',
    });
  });
  test.afterEach.always(() => disk.removeLeftovers());
  test.after.always(async () => {
    await Promise.all(teardowns.map((end) => end()));
    await world?.close();
    await server?.close();
    await disk?.unmount();
  });
}

const onSmallDisk = (title: string, body: (t: ExecutionContext) => Promise<void>): void => {
  if (mayMount) {
    test.serial(title, body);
  } else {
    // Appears in the report. CI must be able to mount.
    test(`NOT TESTED, file systems cannot be mounted here: ${title}`, (t) => t.pass());
  }
};

/** A row that needs new pages, because its text does not compress. */
const write = ({ port, authors: [{ host, token }] }: OwnProcess, name: string): Promise<Answer> =>
  sendRequest(port, host, 'POST', '/api/notes/', {
    token,
    body: { name, description: randomBytes(100_000).toString('base64') },
  });
const read = ({ port, authors: [{ host, token }] }: OwnProcess): Promise<Answer> =>
  sendRequest(port, host, 'GET', '/api/notes/?page_size=1', { token });

onSmallDisk(
  'rejects writes with 503 on a full disk, serves reads, and accepts writes again when there is space',
  async (t) => {
    t.is((await write(main, 'before')).status, 201);
    await disk.fill();
    for (let round = 0; round < 5; round += 1) {
      const { status, body, headers, text } = await write(main, `full ${round}`);
      t.deepEqual([status, body.code], [503, 'storage_full'], text);
      t.regex(String(headers['retry-after']), /^\d+$/);
      t.notRegex(text, /base\/|extend|filler/);
      const list = await read(main);
      t.deepEqual([list.status, list.body.count], [200, 1], list.text);
    }
    // Only an operator can fix it, so the response names no cause.
    t.is(main.logLines('bug').length, 5);
    await disk.removeLeftovers();
    t.is((await write(main, 'after')).status, 201);
    t.deepEqual(await world.asOwner('select name from acme.notes order by id'), [
      { name: 'before' },
      { name: 'after' },
    ]);
  },
);

onSmallDisk('keeps every confirmed row when the disk has no space for the WAL', async (t) => {
  await world.asOwner('truncate acme.notes, globex.notes cascade');
  const writers = startWriters(main.port, main.authors, { count: 8 });
  await writers.next(201, 50);
  await disk.fill();
  // The space reserved for the WAL is used up, and the server panics.
  const isDown = await until(
    () =>
      world.asOwner(`select pg_logical_emit_message(false, 'filler', repeat('x', 8000000))`).then(
        () => false,
        () => true,
      ),
    Boolean,
  );
  t.true(isDown);
  await writers.next(503, 50);
  await disk.removeLeftovers();
  await server.restart();
  await writers.next(201, 50);
  await writers.stop();
  await account(t, world, writers.attempts, 'notes');
  for (const { outcome } of writers.attempts) {
    t.true([201, 503, 504].includes(statusOf(outcome) ?? 0), String(outcome));
  }
  t.true(
    writers.attempts.some(({ outcome }) => 'body' in outcome && outcome.body.code === 'database_unavailable'),
  );
});
