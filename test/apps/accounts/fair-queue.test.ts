import test from 'ava';

import { createFairQueue, QueueFull } from '../../../src/apps/accounts/passwords/fair-queue.ts';

/** Creates work that the test ends, and records the order of its starts. */
function openWork() {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    started,
    of: (name: string) => () =>
      new Promise<void>((resolve) => {
        started.push(name);
        ends.set(name, resolve);
      }),
    end: async (name: string) => {
      ends.get(name)?.();
      await new Promise(setImmediate);
    },
  };
}
const flushEntry = () => new Promise(setImmediate);

test('serves keys in turn, however long the queue of one key is', async (t) => {
  const queue = createFairQueue({ concurrency: 1, perKey: 100, total: 1000 });
  const work = openWork();
  for (let n = 0; n < 50; n += 1) {
    void queue.run('busy', work.of(`busy ${n}`));
  }
  for (const name of ['a 0', 'b 0', 'a 1']) {
    void queue.run(name.charAt(0), work.of(name));
  }
  await flushEntry();
  t.deepEqual(work.started, ['busy 0']);
  for (let n = 0; n < 6; n += 1) {
    await work.end(work.started.at(-1) ?? '');
  }
  t.deepEqual(work.started, ['busy 0', 'busy 1', 'a 0', 'b 0', 'busy 2', 'a 1', 'busy 3']);
});

test('never exceeds the concurrency limit, and a failure frees its place', async (t) => {
  const queue = createFairQueue({ concurrency: 2, perKey: 100, total: 1000 });
  let running = 0;
  let most = 0;
  const outcomes = await Promise.allSettled(
    Array.from({ length: 20 }, (_, n) =>
      queue.run(`key ${n % 3}`, async () => {
        running += 1;
        most = Math.max(most, running);
        await flushEntry();
        running -= 1;
        if (n % 2 === 0) {
          throw new Error('failed');
        }
        return n;
      }),
    ),
  );
  t.is(most, 2);
  t.is(outcomes.filter(({ status }) => status === 'fulfilled').length, 10);
});

test('when the queue of one key is full, rejects the next task of that key only', async (t) => {
  const queue = createFairQueue({ concurrency: 1, perKey: 2, total: 100 });
  const work = openWork();
  void queue.run('busy', work.of('busy 0'));
  void queue.run('busy', work.of('busy 1'));
  void queue.run('busy', work.of('busy 2'));
  await t.throwsAsync(queue.run('busy', work.of('busy 3')), { instanceOf: QueueFull });
  void queue.run('other', work.of('other 0'));
  await flushEntry();
  await work.end('busy 0');
  await work.end('busy 1');
  t.deepEqual(work.started, ['busy 0', 'busy 1', 'other 0']);
});

test('when all queues together are full, drops a task from the longest', async (t) => {
  const queue = createFairQueue({ concurrency: 1, perKey: 10, total: 4 });
  const work = openWork();
  void queue.run('busy', work.of('busy 0'));
  const waiting = [1, 2, 3, 4].map((n) => queue.run('busy', work.of(`busy ${n}`)));
  const dropped = t.throwsAsync(waiting[3] as Promise<void>, { instanceOf: QueueFull });
  void queue.run('other', work.of('other 0'));
  await dropped;
  await t.throwsAsync(queue.run('busy', work.of('busy 5')), { instanceOf: QueueFull });
  await work.end('busy 0');
  await work.end('busy 1');
  t.deepEqual(work.started, ['busy 0', 'busy 1', 'other 0']);
});
