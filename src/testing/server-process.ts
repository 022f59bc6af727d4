import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A PostgreSQL server for tests. */
export type ServerProcess = Readonly<{
  /** URL of the superuser. */
  url: string;
  /** One line with the kind of the server and its version. */
  description: string;
  /** Stops the server and removes its data. */
  stop: () => Promise<void>;
}>;

/**
 * Starts a server in a separate process, which also stops it when the caller ends without `stop`,
 * even if killed.
 *
 * @param script the entry point of the process: a file that calls `runServerProcess`
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
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([text]) => String(text)),
    ended.then(() => undefined),
  ]);
  if (line === undefined) {
    throw new Error('PostgreSQL for the tests did not start. The reason is printed above.');
  }
  const { url, description } = JSON.parse(line) as { url: string; description: string };
  // Allows the caller to exit before the child process.
  child.unref();
  for (const stream of [child.stdin, child.stdout]) {
    (stream as typeof stream & { unref(): void }).unref();
  }
  return {
    url,
    description,
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
  const { url, description, stop } = await start();
  try {
    process.stdout.write(`${JSON.stringify({ url, description })}\n`);
    await orphaned;
  } finally {
    await stop();
  }
}
