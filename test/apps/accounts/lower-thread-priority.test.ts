import { readdir, readFile } from 'node:fs/promises';
import { getPriority, platform } from 'node:os';
import test from 'ava';

import { lowerThreadPriority } from '../../../src/apps/accounts/passwords/lower-thread-priority.ts';

const onLinux = platform() === 'linux' ? test : test.skip;

onLinux('lowers the priority of the threads that hash, and of no other', async (t) => {
  const before = getPriority();
  const changed = await lowerThreadPriority();
  t.true(changed > 0);
  const ids = await readdir('/proc/self/task');
  const threads = await Promise.all(
    ids.map(async (id) => ({
      name: (await readFile(`/proc/self/task/${id}/comm`, 'utf8')).trim(),
      priority: getPriority(Number(id)),
    })),
  );
  const [hashing, others] = [
    threads.filter(({ name }) => name === 'libuv-worker'),
    threads.filter(({ name }) => name !== 'libuv-worker'),
  ];
  t.is(hashing.length, changed);
  t.true(hashing.every(({ priority }) => priority === Math.min(19, before + 10)));
  t.true(others.length > 0 && others.every(({ priority }) => priority === before));
});
