import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** The account that a command runs as. */
export type Account = Readonly<{ uid: number; gid: number }>;

// The server outlives this process and may run as another account: it must not inherit secrets of the environment.
const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/local/bin:/usr/bin:/bin' };

/**
 * Runs a command to its end, in a session of its own: Ctrl-C on the terminal does not reach it.
 * Returns also for a nonzero exit code.
 *
 * @throws when it cannot be started
 */
export async function run(
  command: string,
  args: readonly string[],
  { cwd = '/', account }: { cwd?: string; account?: Account | undefined } = {},
): Promise<{ code: number | null; output: string }> {
  const child = spawn(command, args, {
    cwd,
    env: ENVIRONMENT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...account,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: output.trim() };
}

/** Whether an account of the system can run a command successfully. */
export async function canRun(account: Account, command: string, args: readonly string[]): Promise<boolean> {
  try {
    return (await run(command, args, { account })).code === 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') {
      return false;
    }
    throw error;
  }
}
