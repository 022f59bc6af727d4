import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Command } from 'commander';

import type { CliCommand, CliDeps } from './cli/framework/command.ts';
import type { Project } from './definition/define-project.ts';
import type { DevEnvironment } from './dev/dev-environment.ts';

/** Whether the commands of development exist. The image does not contain them. */
export const HAS_DEV = existsSync(new URL('./dev/', import.meta.url));

/** Returns the listed commands of development. */
export async function devCommandsOf(project: Project): Promise<readonly CliCommand<never>[]> {
  if (!HAS_DEV) {
    return [];
  }
  const [{ seedCommand }, { newAppCommand }] = await Promise.all([
    import('./dev/seed.ts'),
    import('./dev/new-app.ts'),
  ]);
  return [seedCommand(project), newAppCommand] as CliCommand<never>[];
}

/** Adds the commands of development that help does not list. Only after a check of `HAS_DEV`. */
export function addHiddenDevCommands(
  parser: Command,
  deps: CliDeps,
  {
    place,
    root,
    startAgain,
    notifyParent,
    onDisconnect,
  }: Readonly<{
    /** Returns what each of the commands needs of the process. */
    place: () => Readonly<{
      project: Project;
      env: DevEnvironment['env'];
      dataDir: string;
      isRoot: boolean;
      print: (line: string) => void;
    }>;
    root: string;
    startAgain: (command: string, env: Readonly<Record<string, string | undefined>>) => ChildProcess;
    /** Sends a message to the process that started this one, if it has a channel. */
    notifyParent: (message: string) => void;
    /** Called when the command stops with the process that started it. */
    onDisconnect: () => void;
  }>,
): void {
  parser
    .command('dev', { hidden: true })
    .description('Serve demo tenants from an embedded PostgreSQL. Restarts after a change. Ctrl-C stops it.')
    .action(async () => {
      const { runDev } = await import('./dev/dev.ts');
      const { LOADED } = await import('./dev/supervise-start.ts');
      onDisconnect();
      notifyParent(LOADED);
      await runDev({
        ...place(),
        stopped: deps.stopped(),
        root,
        startServing: (env) => startAgain('serve-dev', env),
      });
    });
  parser
    .command('serve-dev', { hidden: true })
    .description('Internal: the serving process of `dev`.')
    .action(async () => {
      onDisconnect();
      const { serveDev } = await import('./dev/serve-dev.ts');
      await serveDev({ ...place(), stopped: deps.stopped() });
    });
  parser
    .command('psql', { hidden: true })
    .description('Open a SQL shell with the migrating login, outside of all walls.')
    .action(async () => {
      // Ctrl-C is for the shell.
      void deps.stopped();
      await (await import('./dev/psql.ts')).runPsql(await deps.ownerUrl(), deps);
    });
  parser
    .command('reset', { hidden: true })
    .description('Delete the data of `dev`: the embedded PostgreSQL, mail files and secrets.')
    .option('--yes', 'do not ask')
    .action(async ({ yes = false }: { yes?: boolean }) =>
      (await import('./dev/reset.ts')).resetDev({ ...place(), ask: deps.ask, yes }),
    );
}
