#!/usr/bin/env node
import { DomainError } from './errors.ts';
import { loadProject } from './load-project.ts';
import { runCommandLine } from './run-command-line.ts';

// Runs a command for the project of the current folder. This is the bin of the package.
try {
  await runCommandLine(await loadProject(process.cwd()));
} catch (error) {
  if (!(error instanceof DomainError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
