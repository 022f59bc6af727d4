import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { styleText } from 'node:util';
import { CommanderError } from 'commander';
import { createAsk } from './cli/framework/ask.ts';
import type { CliDeps, Output } from './cli/framework/command.ts';
import { commandName } from './cli/framework/django-names.ts';
import { explain } from './cli/framework/explain.ts';
import { databasesOf, reconcileFleet } from './cli/framework/fleet.ts';
import { createParser } from './cli/framework/parser.ts';
import { printableLines } from './cli/framework/printable.ts';
import { createProgress } from './cli/framework/progress.ts';
import { listCommands } from './cli/list-commands.ts';
import { readConfig } from './config/config.ts';
import { loadEnvFile } from './config/env-file.ts';
import { withSecretFiles } from './config/secret-files.ts';
import { readVersion } from './config/version.ts';
import { connectionTo } from './db/admin/connection-config.ts';
import { hasOtherClients } from './db/admin/other-clients.ts';
import type { Project } from './definition/define-project.ts';
import type { DevEnvironment } from './dev/dev-environment.ts';
import { addHiddenDevCommands, devCommandsOf, HAS_DEV } from './dev-commands.ts';
import { DomainError, OperatorError } from './errors.ts';

/** What a command line uses of its process. */
export type CommandLineProcess = Readonly<{
  /** The words after the name of the program. */
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  stdin: Readable & Readonly<{ isTTY?: boolean | undefined }>;
  stdout: Output;
  stderr: Output;
  /** Folder of the data of the commands of development. */
  dataDir: string;
  /** Working directory of `dev`. */
  root: string;
  isRoot: boolean;
  /** Loads an environment file into `env`. */
  loadEnvFile: (file: string) => void;
  /** Registers a function that is called with the number of a signal that asks the process to stop. */
  onSignal: (stop: (number: number) => void) => void;
  /** Registers a function that is called when the process that started this one has closed its channel. */
  onDisconnect: (stop: () => void) => void;
  /** Sends a message to the process that started this one with a channel, if there is one. */
  notifyParent: (message: string) => void;
  /** Stops the process as Ctrl-C does. */
  interrupt: () => void;
  exit: (code: number) => void;
  /** Starts this program again with another command. */
  startAgain: (command: string, env: Readonly<Record<string, string | undefined>>) => ChildProcess;
}>;

/** Runs the command of a command line and returns the exit code. */
export async function executeCommandLine(project: Project, own: CommandLineProcess): Promise<number> {
  const { dataDir, isRoot, stdin, stdout, stderr } = own;
  const print = (line: string): void => void stdout.write(`${printableLines(line)}\n`);
  const note = (line: string): void => void stderr.write(`${printableLines(line)}\n`);

  type Environment = DevEnvironment['env'];

  let opened: Promise<DevEnvironment> | null = null;
  let inUse: Environment | null = null;
  const environment = async (): Promise<Environment> => {
    const given = withSecretFiles(own.env);
    // A production machine without settings must not use a database of development.
    if (!given.DATABASE_URL && HAS_DEV && given.NODE_ENV !== 'production') {
      opened ??= import('./dev/dev-environment.ts').then(({ openDevEnvironment }) =>
        openDevEnvironment(given, { dataDir, isRoot }),
      );
    }
    inUse = (await opened)?.env ?? given;
    return inUse;
  };

  const closeEnvironment = async (): Promise<void> => {
    const { postgres } = (await opened?.catch(() => null)) ?? { postgres: null };
    // A `make dev` may use the server by now.
    if (postgres && !postgres.adopted && !(await hasOtherClients(connectionTo(postgres.url)))) {
      await postgres.stop();
    }
  };

  // `dev` and `worker` close their resources. Every other command runs single transactions, so that an
  // interruption leaves nothing half done.
  let serving = false;
  const stop = Promise.withResolvers<void>();
  own.onSignal((number) => {
    stop.resolve();
    if (!serving) {
      void closeEnvironment().finally(() => own.exit(128 + number));
    }
  });

  const deps: CliDeps = {
    project,
    environment,
    config: async () => readConfig(project, await environment()),
    ownerUrl: async () => {
      const { OWNER_DATABASE_URL: url } = readConfig(project, await environment());
      if (!url) {
        throw new OperatorError(
          'configuration_invalid',
          'OWNER_DATABASE_URL is not set. It must be the URL of the migrating login.',
        );
      }
      return url;
    },
    print,
    note,
    progress: createProgress({ terminal: stderr.isTTY ? stderr : null, note }),
    red: (words) => styleText('red', words, { stream: stdout }),
    terminal: stdin.isTTY === true,
    stopped: () => {
      serving = true;
      return stop.promise;
    },
    ask: createAsk({ stdin, stderr, interrupt: own.interrupt }),
    outputs: own,
    stdio: { input: stdin, output: stderr, interactive: stdin.isTTY === true },
  };

  /** Copies changes of the registry from main to further databases. */
  const reconcileRegistry = async (): Promise<void> => {
    // Checked first: a command without a database must not open a connection here.
    if (own.env.OWNER_DATABASES || own.env.OWNER_DATABASES_FILE) {
      const config = readConfig(project, await environment());
      await reconcileFleet(databasesOf(config, await deps.ownerUrl()));
    }
  };

  try {
    const parser = createParser(await listCommands(project, await devCommandsOf(project)), deps).version(
      readVersion(),
      '-V, --version',
      'print the version',
    );
    if (HAS_DEV) {
      addHiddenDevCommands(parser, deps, {
        place: () => ({ project, env: withSecretFiles(own.env), dataDir, isRoot, print }),
        root: own.root,
        startAgain: own.startAgain,
        notifyParent: own.notifyParent,
        onDisconnect: () => own.onDisconnect(stop.resolve),
      });
    }
    loadEnvFile('.env', own.loadEnvFile);
    const [word, ...words] = own.args;
    const named = word === undefined ? [] : [commandName(word)];
    await parser.parseAsync([...named, ...words], { from: 'user' });
    await reconcileRegistry();
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      return thrown.exitCode === 0 ? 0 : 2;
    }
    const error = explain(thrown, inUse ?? {});
    if (error instanceof DomainError) {
      note(error.message);
      return error.exitCode;
    }
    note(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 1;
  } finally {
    await closeEnvironment();
  }
}
