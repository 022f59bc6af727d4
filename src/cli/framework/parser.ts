import { Command } from 'commander';

import type { CliCommand, CliDeps } from './command.ts';

/** Reads a command line and runs the command that it names. Errors are thrown, commander's own too. */
export function createParser(commands: readonly CliCommand<never>[], deps: CliDeps): Command {
  const parser = new Command('tenants')
    .description('Operate the tenants of this installation.')
    .exitOverride()
    // What stands behind a command's name is that command's.
    .enablePositionalOptions()
    .showHelpAfterError('(--help shows the options)');
  for (const { name, summary, declare, run } of commands) {
    const command = parser.command(name).description(summary).exitOverride();
    declare(command, deps.project);
    command.allowExcessArguments(false).action((...given) => run(given.at(-2) as never, deps, command.args));
  }
  return parser;
}
