import test, { type ExecutionContext } from 'ava';

import { parseProofKeys } from '../../src/tenancy/context/keys.ts';
import { migrate } from '../../src/tenancy/fleet/migrate.ts';
import { APP_SECRET, sendRequest, TENANCY_KEYS } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';
import { openWorldWithUsers, startProcess } from './own-process.ts';
import { account, startWriters, statusOf } from './writers.ts';

let world: World;
test.before(async () => {
  world = await openWorldWithUsers();
});
test.after.always(() => world?.close());

const PAUSE_MS = 60;
/** The pause while a process starts, or waits for SHUTDOWN_DELAY, when few requests are enough. */
const WAIT_PAUSE_MS = 250;
const NEW_SECRET = 'the next application secret, which is as long as it has to be';
const NEW_KEY = 'next:the-next-proof-key-of-more-than-32-characters';

const install = (keys: string) =>
  world.alone(() => migrate(world.owner, { ...world.fleet, keys: parseProofKeys(keys) }));

/** Replaces a process with one that has `next`, while writers use the old one and then the new one. */
async function replaceProcess(
  t: ExecutionContext,
  old: Awaited<ReturnType<typeof startProcess>>,
  next: Readonly<Record<string, string>>,
  before: () => Promise<unknown> = async () => {},
) {
  const leaves = (outcome: Parameters<typeof statusOf>[0]): boolean =>
    !(outcome instanceof Error) && outcome.headers.connection === 'close';
  const writers = startWriters(old.port, old.authors, { count: 6, leaves, pauseMs: PAUSE_MS });
  await writers.next(201, 20);
  await before();
  await writers.next(201, 20);
  writers.setPause(WAIT_PAUSE_MS);
  const successor = await startProcess(t, world, { SHUTDOWN_DELAY: '4', ...next });
  writers.setPause(PAUSE_MS);
  // The new process accepts tokens of the old one.
  const newWriters = startWriters(successor.port, old.authors, { count: 6, leaves, pauseMs: PAUSE_MS });
  await newWriters.next(201, 20);
  // The old process accepts tokens of the new one while both serve.
  const [{ token, host }] = successor.authors;
  t.is((await sendRequest(old.port, host, 'GET', '/api/notes/', { token })).status, 200);
  old.child.kill('SIGTERM');
  await writers.left;
  await newWriters.next(201, 20);
  newWriters.setPause(WAIT_PAUSE_MS);
  t.is(await old.ended, 0);
  newWriters.setPause(PAUSE_MS);
  await newWriters.next(201, 20);
  await newWriters.stop();
  const attempts = [...writers.attempts, ...newWriters.attempts];
  t.deepEqual(
    attempts.filter(({ outcome }) => statusOf(outcome) !== 201).map(({ outcome }) => outcome),
    [],
  );
  return { successor, attempts };
}

test.serial('rejects no request while APP_SECRET and TENANCY_KEYS are rotated under load', async (t) => {
  let now = await startProcess(t, world, { SHUTDOWN_DELAY: '4' });
  const [author] = now.authors;
  const all = [];

  // As in docs/operations.md: accept both secrets, and both keys.
  for (const [next, before] of [
    [{ APP_SECRET_PREVIOUS: NEW_SECRET, TENANCY_KEYS }, async () => {}],
    [
      {
        APP_SECRET: NEW_SECRET,
        APP_SECRET_PREVIOUS: APP_SECRET,
        TENANCY_KEYS: `${NEW_KEY},${TENANCY_KEYS}`,
      },
      () => install(`${NEW_KEY},${TENANCY_KEYS}`),
    ],
    [{ APP_SECRET: NEW_SECRET, APP_SECRET_PREVIOUS: APP_SECRET, TENANCY_KEYS: NEW_KEY }, async () => {}],
  ] as const) {
    const { successor, attempts } = await replaceProcess(t, now, next, before);
    all.push(...attempts);
    now = successor;
  }
  await install(NEW_KEY);
  const writers = startWriters(now.port, now.authors, { count: 4 });
  await writers.next(201, 20);
  await writers.stop();
  all.push(...writers.attempts);
  t.deepEqual(
    writers.attempts.filter(({ outcome }) => statusOf(outcome) !== 201),
    [],
  );
  await account(t, world, all, 'notes');
  now.child.kill('SIGTERM');
  t.is(await now.ended, 0);

  // Without the previous secret, its tokens are rejected.
  const last = await startProcess(t, world, { APP_SECRET: NEW_SECRET, TENANCY_KEYS: NEW_KEY });
  const read = (token: string | undefined) =>
    sendRequest(last.port, 'acme.localhost', 'GET', '/api/notes/', { token });
  t.is((await read(author?.token)).status, 401);
  t.is((await read(last.authors[0]?.token)).status, 200);
});
