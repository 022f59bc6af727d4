import { Command } from 'commander';
import { OperatorError } from '../../errors.ts';
import type { TenancyProject } from '../../tenancy/registry/project.ts';
import type { CliCommand, CliDeps } from './command.ts';
import { commandName } from './django-names.ts';
import { createParser } from './parser.ts';

/** A function, so that a list may contain commands that run other commands of the list. */
export type Commands = () => readonly CliCommand<never>[];

/** Whether a command line contains the option --schema. */
export const namesSchema = (words: readonly string[]): boolean =>
  words.some((name) => name === '--schema' || name.startsWith('--schema='));

/** Returns the options that a command declares. */
export function optionsOf({ declare }: CliCommand<never>, project: TenancyProject): readonly string[] {
  const scratch = new Command();
  declare(scratch, project);
  return scratch.options.map(({ long }) => long ?? '');
}

/**
 * Returns a command that runs in an existing tenant, by our name or Django's.
 *
 * @throws OperatorError `usage_invalid`
 */
export function findTenantCommand(
  commands: readonly CliCommand<never>[],
  name: string,
  project: TenancyProject,
): CliCommand<never> {
  const fitting = commands.filter(
    (command) => command.inTenant !== false && optionsOf(command, project).includes('--schema'),
  );
  const wanted = commandName(name);
  const found = fitting.find((command) => command.name === wanted);
  if (!found) {
    throw new OperatorError(
      'usage_invalid',
      `"${name}" does not run in a tenant. Commands that do: ${fitting.map(({ name }) => name).join(', ')}.`,
    );
  }
  return found;
}

/** Runs one command with the arguments of a command line, as if it had been called directly. */
export async function runCommand(
  command: CliCommand<never>,
  words: readonly string[],
  deps: CliDeps,
): Promise<void> {
  await createParser([command], deps).parseAsync([command.name, ...words], { from: 'user' });
}
