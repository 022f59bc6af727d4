import { Command } from 'commander';

import type { CliCommand, CliDeps } from './command.ts';

/**
 * Creates the parser, which runs the command that a command line names. All errors are thrown,
 * including commander's.
 */
export function createParser(commands: readonly CliCommand<never>[], deps: CliDeps): Command {
  const parser = new Command('tenants')
    .description('Operate the tenants of this installation.')
    .exitOverride()
    // Options after a command's name belong to that command.
    .enablePositionalOptions()
    .showHelpAfterError('(--help shows the options)');
  for (const { name, summary, declare, run } of commands) {
    const command = parser.command(name).description(summary).exitOverride();
    declare(command, deps.project);
    command.allowExcessArguments(false).action((...given) => run(given.at(-2) as never, deps, command.args));
  }
  return parser;
}
