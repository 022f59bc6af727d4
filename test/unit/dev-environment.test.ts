import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openDevEnvironment } from '../../src/dev/dev-environment.ts';

test('in development the service listens on 127.0.0.1, unless BIND_ADDRESS is set', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'koa-tenants-environment-'));
  t.teardown(() => rm(dataDir, { recursive: true, force: true }));
  const open = (env: Readonly<Record<string, string>>) =>
    openDevEnvironment({ DATABASE_URL: 'postgres://app@127.0.0.1/app', ...env }, { dataDir, isRoot: false });
  t.is((await open({})).env.BIND_ADDRESS, '127.0.0.1');
  t.is((await open({ BIND_ADDRESS: '0.0.0.0' })).env.BIND_ADDRESS, '0.0.0.0');
});

test('in development mailed links have the port of the service, unless it is invalid', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'koa-tenants-environment-'));
  t.teardown(() => rm(dataDir, { recursive: true, force: true }));
  for (const [PORT, expected] of [
    ['9000', '9000'],
    ['abc', undefined],
    ['0', undefined],
    ['99999', undefined],
  ] as const) {
    const { env } = await openDevEnvironment(
      { DATABASE_URL: 'postgres://app@127.0.0.1/app', PORT },
      { dataDir, isRoot: false },
    );
    t.is(env.EMAIL_FRONTEND_PORT, expected, PORT);
  }
});
