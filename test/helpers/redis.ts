import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePort } from './free-port.ts';
import { until } from './server.ts';

export type TestRedis = Readonly<{ url: string; stop: () => Promise<void> }>;

/** Whether `redis-server` is installed. CI requires it: its tests fail there instead of being skipped. */
export const hasRedis: boolean =
  Boolean(process.env.CI) || spawnSync('redis-server', ['--version']).status === 0;

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** Starts a Redis without persistence. */
export async function startRedis(): Promise<TestRedis> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-redis-'));
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit').catch(() => {});
  const failed = once(child, 'error').then(([error]) => {
    throw new Error('redis-server is not installed: apt-get install redis-server', { cause: error });
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  failed.catch(() => {});
  await Promise.race([failed, until(() => isListening(port), Boolean)]);
  return { url: `redis://127.0.0.1:${port}`, stop };
}
