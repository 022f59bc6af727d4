#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

import { DomainError } from './errors.ts';

const [program, script = '', command] = process.argv;

/** Runs `dev` in a child process. If the project cannot be loaded, starts it again after a change of a file. */
async function superviseDev(): Promise<number> {
  const { superviseStart } = await import('./dev/supervise-start.ts');
  return superviseStart({
    root: process.cwd(),
    start: () =>
      spawn(program ?? process.execPath, [...process.execArgv, script, ...process.argv.slice(2)], {
        stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      }),
    print: (line) => void process.stdout.write(`${line}\n`),
    signalled: (onSignal) => {
      for (const [signal, number] of [
        ['SIGHUP', 1],
        ['SIGINT', 2],
        ['SIGTERM', 15],
      ] as const) {
        process.on(signal, () => onSignal(signal, 128 + number));
      }
    },
  });
}

// The bin of the package. Runs a command for the project of the current folder.
try {
  // A connected process is the child that superviseDev started. A build of the service has no dev/.
  if (command === 'dev' && !process.connected && existsSync(new URL('./dev/', import.meta.url))) {
    process.exitCode = await superviseDev();
  } else {
    const { assertNodeVersion, loadProject } = await import('./load-project.ts');
    assertNodeVersion(process.versions.node);
    const { runCommandLine } = await import('./run-command-line.ts');
    await runCommandLine(await loadProject(process.cwd()));
  }
} catch (error) {
  if (!(error instanceof DomainError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
  if (process.connected) {
    process.disconnect();
  }
}
