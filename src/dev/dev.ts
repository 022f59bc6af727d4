import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { readConfig } from '../config/config.ts';
import { FILE_VARIABLES } from '../config/secret-files.ts';
import { connectionTo } from '../db/admin/connection-config.ts';
import { takeSessionLock } from '../db/admin/session-lock.ts';
import type { Project } from '../definition/define-project.ts';
import { OperatorError } from '../errors.ts';
import { openDevEnvironment } from './dev-environment.ts';
import { type DevDeps, requireOwnerUrl } from './serve-dev.ts';
import { type Changes, watchFolders } from './watch-folders.ts';

const STOP_TIMEOUT_MS = 5000;
const WATCHED = ['src', 'sql', 'migrations'];

/** Returns the source folders of the project: those with the usual names, and those of its apps elsewhere. */
function foldersOf({ apps }: Project, root: string): readonly string[] {
  const usual = WATCHED.map((name) => path.join(root, name));
  const elsewhere = apps
    .map(({ directory }) => directory)
    .filter((directory) => !directory.split(path.sep).includes('node_modules'))
    .filter((directory) => !usual.some((folder) => directory.startsWith(`${folder}${path.sep}`)));
  return [...new Set([...usual, ...elsewhere])];
}

type Env = Readonly<Record<string, string | undefined>>;

type SuperviseDeps = DevDeps &
  Readonly<{
    /** The folder of the project. */
    root: string;
    /** Starts the serving process. */
    startServing: (env: Env) => ChildProcess;
  }>;

/** Replaces PORT=0 by a free port: each serving process has the same port, and links in mails have it too. */
async function withFixedPort(env: Env): Promise<Env> {
  if (env.PORT !== '0') {
    return env;
  }
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return { ...env, PORT: String(port) };
}

/** Stops the child. Kills it after a timeout: code under development may block the event loop. */
async function stopChild(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGTERM');
  const cancel = new AbortController();
  const overdue = sleep(STOP_TIMEOUT_MS, true, { signal: cancel.signal }).catch(() => false);
  if (await Promise.race([ended.then(() => false), overdue])) {
    child.kill('SIGKILL');
  }
  cancel.abort();
  await ended;
}

/** Runs the serving process, and a new one after each change, until `stopped`. */
async function supervise(
  env: Env,
  changes: Changes,
  { print, stopped, startServing }: SuperviseDeps,
): Promise<void> {
  const stop = stopped.then(() => null);
  for (;;) {
    const change = changes.next();
    const child = startServing(env);
    const ended = once(child, 'exit');
    const event = await Promise.race([stop, change, ended.then(() => false as const)]);
    if (event === false) {
      print(`\nNot serving. Waiting for a change in ${WATCHED.join('/, ')}/. Ctrl-C stops it.`);
    } else {
      if (event !== null) {
        print(`\n${event} changed. Restarting.`);
      }
      await stopChild(child, ended);
    }
    const next = event === false ? await Promise.race([stop, change]) : event;
    if (next === null) {
      return;
    }
    if (event === false) {
      print(`\n${next} changed. Restarting.`);
    }
  }
}

/**
 * Runs a whole installation on this machine until `stopped`: PostgreSQL, roles, schemas, demo tenants and
 * the service. PostgreSQL keeps running while the serving process is restarted for a change.
 */
export async function runDev(deps: SuperviseDeps): Promise<void> {
  const { env, postgres } = await openDevEnvironment(await withFixedPort(deps.env), deps);
  try {
    const ownerUrl = requireOwnerUrl(readConfig(deps.project, env));
    const lock = await takeSessionLock(connectionTo(ownerUrl), `dev ${deps.dataDir}`);
    if (!lock) {
      throw new OperatorError(
        'precondition_failed',
        'Another development service is running in this folder. Stop it first.',
      );
    }
    const changes = watchFolders(deps.root, foldersOf(deps.project, deps.root));
    try {
      // The content of secret files is in `env` already.
      const childEnv = Object.fromEntries(
        Object.entries(env).filter(([name]) => !FILE_VARIABLES.includes(name)),
      );
      await supervise(childEnv, changes, deps);
      deps.print('\nStopping.');
    } finally {
      changes.close();
      await rm(path.join(deps.dataDir, 'dev.json'), { force: true });
      await lock.release();
      await postgres?.stop();
    }
  } catch (error) {
    // A server that another `make dev` uses keeps running.
    if (!postgres?.adopted) {
      await postgres?.stop();
    }
    throw error;
  }
}
