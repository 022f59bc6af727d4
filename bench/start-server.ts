import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

export type StartedServer = Readonly<{ pid: number; port: number; stop: () => Promise<void> }>;

const PORT = /"port":(\d+)|http:\/\/127\.0\.0\.1:(\d+)/;

async function findPort(child: ChildProcess, log: string): Promise<number> {
  for (;;) {
    const text = await readFile(log, 'utf8');
    const match = PORT.exec(text);
    if (match) {
      return Number(match[1] ?? match[2]);
    }
    if (child.exitCode !== null) {
      throw new Error(`The server ended with ${child.exitCode}: ${text}`);
    }
    await wait(20);
  }
}

/**
 * Starts a server in a process of its own, in production mode, and resolves when it listens. Its
 * standard output goes to the file `log`, as the log of a service does.
 */
export async function startServer(
  file: string,
  { env, log, args = [] }: { env: Readonly<Record<string, string>>; log: string; args?: readonly string[] },
): Promise<StartedServer> {
  const output = openSync(log, 'w');
  const child = spawn(process.execPath, [...args, file], {
    cwd: '/',
    env: { NODE_ENV: 'production', ...env },
    stdio: ['ignore', output, 'inherit'],
  });
  const ended = once(child, 'close');
  const port = await findPort(child, log);
  return {
    pid: child.pid ?? 0,
    port,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
