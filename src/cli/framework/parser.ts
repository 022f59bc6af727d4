import { Command } from 'commander';

import type { CliCommand, CliDeps, Output } from './command.ts';
import { runAudited } from './run-audited.ts';

/**
 * Creates the parser, which runs the command that a command line names. All errors are thrown,
 * including commander's.
 */
export function createParser(commands: readonly CliCommand<never>[], deps: CliDeps): Command {
  const { stdout, stderr } = deps.outputs;
  const widthOf = ({ isTTY, columns }: Output): number => (isTTY ? columns : undefined) ?? 80;
  const parser = new Command('tenants')
    // Commands inherit it when they are added.
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => widthOf(stdout),
      getErrHelpWidth: () => widthOf(stderr),
    })
    .description('Manage the tenants of this installation.')
    .exitOverride()
    // Options after a command's name belong to that command.
    .enablePositionalOptions()
    .showHelpAfterError('(--help shows the options)');
  for (const given of commands) {
    const { name, summary, declare } = given;
    const command = parser.command(name).description(summary).exitOverride();
    declare(command, deps.project);
    command
      .allowExcessArguments(false)
      .action((...values) => runAudited(given, values.at(-2), deps, command.args));
  }
  return parser;
}
