import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { DomainError, OperatorError } from '../errors.ts';

/** A PostgreSQL server for tests. */
export type ServerProcess = Readonly<{
  /** URL of the superuser. */
  url: string;
  /** One line with the kind of the server and its version. */
  description: string;
  /** Stops the server and removes its data. */
  stop: () => Promise<void>;
}>;

type Started = Readonly<{ url: string; description: string }>;
type NotStarted = Readonly<{ reason: string }>;

/**
 * Starts a server in a separate process, which also stops it when the caller ends without `stop`,
 * even if killed.
 *
 * @param script the entry point of the process: a file that calls `runServerProcess`
 *
 * @throws OperatorError `precondition_failed`, with the reason of the process
 */
export async function startServerProcess(
  script: string,
  args: readonly string[] = [],
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Ctrl-C must not end it before the server is stopped.
    detached: true,
  });
  const ended = once(child, 'exit');
  // Unlike `exit`, it comes after all output.
  const closed = once(child, 'close');
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([text]) => String(text)),
    closed.then(() => undefined),
  ]);
  if (line === undefined) {
    throw new Error('PostgreSQL for the tests did not start. The reason is printed above.');
  }
  const started = JSON.parse(line) as Started | NotStarted;
  if ('reason' in started) {
    throw new OperatorError('precondition_failed', started.reason);
  }
  // Allows the caller to exit before the child process.
  child.unref();
  for (const stream of [child.stdin, child.stdout]) {
    (stream as typeof stream & { unref(): void }).unref();
  }
  return {
    ...started,
    stop: async () => {
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}

/** Runs a server until the standard input of this process closes. Called by the script of `startServerProcess`. */
export async function runServerProcess(start: () => Promise<ServerProcess>): Promise<void> {
  const orphaned = Promise.race([
    once(process.stdin.resume(), 'end'),
    ...['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)),
  ]);
  let server: ServerProcess;
  try {
    server = await start();
  } catch (error) {
    if (!(error instanceof DomainError)) {
      throw error;
    }
    process.stdout.write(`${JSON.stringify({ reason: error.message } satisfies NotStarted)}\n`);
    return;
  }
  const { url, description, stop } = server;
  try {
    process.stdout.write(`${JSON.stringify({ url, description } satisfies Started)}\n`);
    await orphaned;
  } finally {
    await stop();
  }
}
