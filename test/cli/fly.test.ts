import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { parse } from 'smol-toml';
import { z } from 'zod';

import { configNames } from '../../src/config/config.ts';
import { project as repositoryProject } from '../../src/project.ts';
import { compileCacheOf } from '../helpers/compile-cache.ts';
import { environmentOf, sendRequest } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import { run } from './run.ts';

const project = join(import.meta.dirname, '..', '..');
const seconds = z
  .string()
  .regex(/^\d+[sm]$/)
  .transform((text) => Number.parseInt(text, 10) * (text.endsWith('m') ? 60 : 1));

// The keys of fly.toml in use. Another name is misspelled, or must be added here.
const flyToml = z.strictObject({
  app: z.string(),
  primary_region: z.string(),
  kill_signal: z.string(),
  kill_timeout: seconds,
  build: z.strictObject({ dockerfile: z.string() }),
  deploy: z.strictObject({
    release_command: z.string(),
    release_command_timeout: seconds,
    strategy: z.enum(['rolling', 'bluegreen', 'canary', 'immediate']),
  }),
  env: z.record(z.string(), z.string()),
  processes: z.strictObject({ web: z.string(), worker: z.string() }),
  http_service: z.strictObject({
    processes: z.tuple([z.literal('web')]),
    internal_port: z.int(),
    force_https: z.literal(true),
    auto_stop_machines: z.literal('off'),
    auto_start_machines: z.boolean(),
    concurrency: z.strictObject({ type: z.literal('requests'), soft_limit: z.int(), hard_limit: z.int() }),
    checks: z.array(
      z.strictObject({
        method: z.literal('GET'),
        path: z.string(),
        grace_period: seconds,
        interval: seconds,
        timeout: seconds,
      }),
    ),
  }),
  vm: z.array(z.strictObject({ processes: z.array(z.string()), size: z.string(), memory: z.string() })),
});

let world: World;
let fly: z.infer<typeof flyToml>;
test.before(async () => {
  fly = flyToml.parse(parse(await readFile(join(project, 'fly.toml'), 'utf8')));
  world = await openWorld({ project: repositoryProject });
});
test.after.always(() => world?.close());

/** Returns a command of the image for this checkout: sources for compiled files, the command line for `tenants`. */
const words = (command: string): [string, ...string[]] =>
  command.split(' ').flatMap((word) => {
    if (word === 'node') {
      return process.execPath;
    }
    return word === 'tenants'
      ? [process.execPath, join(project, 'src/cli.ts')]
      : word.replace(/^dist\/(.*)\.js$/, (_, path) => join(project, `${path}.ts`));
  }) as [string, ...string[]];

/** Secrets that `fly secrets set` sets on every machine of the app. */
const environment = (): Record<string, string> => ({ ...environmentOf(world), ...fly.env, PORT: '0' });

function start(command: string): ChildProcess {
  const [program, ...args] = words(command);
  return spawn(program, args, {
    cwd: tmpdir(),
    env: {
      PATH: process.env.PATH ?? '',
      ...compileCacheOf(project),
      ...environment(),
    },
  });
}

async function lineOf(stream: NodeJS.ReadableStream | null, pattern: RegExp): Promise<string> {
  for await (const line of createInterface(stream as NodeJS.ReadableStream)) {
    if (pattern.test(line)) {
      return line;
    }
  }
  throw new Error(`It ended without ${pattern}.`);
}

test('sets variables of the service in its environment, and no secrets', (t) => {
  for (const name of Object.keys(fly.env)) {
    t.true(configNames(repositoryProject).includes(name), name);
    t.notRegex(name, /URL|SECRET|KEYS|DATABASES/);
  }
  t.is(Number(fly.env.PORT), fly.http_service.internal_port);
  t.true(Number(fly.env.CONNECTION_MAX_AGE) < 600);
});

test('gives a machine the time that the service needs to stop', (t) => {
  const { SHUTDOWN_DELAY, SHUTDOWN_GRACE } = fly.env;
  t.is(fly.kill_signal, 'SIGTERM');
  t.true(fly.kill_timeout > Number(SHUTDOWN_DELAY) + Number(SHUTDOWN_GRACE) + 2);
});

test('has a machine for every process group, and an image with `tenants` on the path', async (t) => {
  t.deepEqual(fly.vm.flatMap(({ processes }) => processes).sort(), Object.keys(fly.processes).sort());
  t.regex(await readFile(join(project, fly.build.dockerfile), 'utf8'), /> \/usr\/local\/bin\/tenants\b/);
});

test('migrates in the release command, which can be repeated', async (t) => {
  const [program, file, ...args] = words(fly.deploy.release_command);
  t.is(program, process.execPath);
  for (let release = 1; release <= 2; release += 1) {
    const { code, err } = await run(file as string, args, environment());
    t.is(code, 0, err);
  }
});

test('runs the web process without the owner’s URL, ready over plain HTTP, until SIGTERM', async (t) => {
  const child = start(fly.processes.web);
  const closed = once(child, 'close');
  const { port } = JSON.parse(await lineOf(child.stdout, /"listening"/));
  const [check] = fly.http_service.checks;
  t.is((await sendRequest(port, '10.0.0.1', 'GET', check?.path ?? '')).status, 200);
  if (process.platform === 'linux') {
    const held = await readFile(`/proc/${child.pid}/environ`, 'utf8');
    t.regex(held, /\0DATABASE_URL=/);
    t.notRegex(held, /OWNER_DATABASE_URL/);
  }
  child.kill(fly.kill_signal as NodeJS.Signals);
  t.deepEqual(await closed, [0, null]);
});

test('starts the worker, and ends it on SIGTERM', async (t) => {
  const child = start(fly.processes.worker);
  const closed = once(child, 'close');
  t.regex(await lineOf(child.stderr, /Running: /), /spares/);
  child.kill(fly.kill_signal as NodeJS.Signals);
  t.deepEqual(await closed, [0, null]);
});
