import { spawn } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import type { Project } from './definition/define-project.ts';
import { executeCommandLine } from './execute-command-line.ts';

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** Returns the account of the operating system. In a container its number may have no name. */
function userName(): string {
  try {
    return os.userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}

/**
 * Runs the command that the process was started with, and sets the exit code. Call it once, from
 * the file that `node` runs.
 */
export async function runCommandLine(project: Project): Promise<void> {
  const [program = process.execPath, script = '', ...args] = process.argv;
  process.exitCode = await executeCommandLine(project, {
    args,
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    dataDir: path.resolve('.data'),
    root: process.cwd(),
    isRoot: process.getuid?.() === 0,
    account: { user: userName(), machine: os.hostname() },
    loadEnvFile: (file) => process.loadEnvFile(file),
    onSignal: (stop) => {
      for (const [signal, number] of Object.entries(SIGNALS)) {
        process.on(signal, () => stop(number));
      }
    },
    notifyParent: (message) => void process.send?.(message),
    onDisconnect: (stop) => void process.once('disconnect', stop),
    interrupt: () => void process.kill(process.pid, 'SIGINT'),
    exit: (code) => process.exit(code),
    startAgain: (command, env) =>
      spawn(program, [...process.execArgv, script, command], {
        env,
        // The channel closes with this process, and then the child stops.
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
  });
  // The channel to `dev` would keep the process running.
  if (process.connected) {
    process.disconnect();
  }
  // An open pipe would keep the process running.
  process.stdin.destroy();
}
