import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { styleText } from 'node:util';
import { CommanderError } from 'commander';
import { createAsk } from './cli/framework/ask.ts';
import type { CliDeps, Output } from './cli/framework/command.ts';
import { commandName } from './cli/framework/django-names.ts';
import { databasesOf, reconcileFleet } from './cli/framework/fleet.ts';
import { createParser } from './cli/framework/parser.ts';
import { printableLines } from './cli/framework/printable.ts';
import { createProgress } from './cli/framework/progress.ts';
import { listCommands } from './cli/list-commands.ts';
import { type Config, readConfig } from './config/config.ts';
import { loadEnvFile } from './config/env-file.ts';
import { withSecretFiles } from './config/secret-files.ts';
import { readVersion } from './config/version.ts';
import { type ActingFor, actFor } from './db/admin/actor.ts';
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
  /** Account of the operating system, and the name of the machine, for the audit. */
  account: Readonly<{ user: string; machine: string }>;
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

type Environment = DevEnvironment['env'];

/** The environment of a command line. */
type OpenedEnvironment = Readonly<{
  /** Returns the environment. In development without DATABASE_URL, starts the embedded PostgreSQL first. */
  read: () => Promise<Environment>;
  /** Returns the environment if `read` was called, otherwise an empty one. */
  inUse: () => Environment;
  /** Stops the embedded PostgreSQL if this process started it and no other uses it. */
  close: () => Promise<void>;
}>;

function createEnvironment({ env, dataDir, isRoot }: CommandLineProcess): OpenedEnvironment {
  let opened: Promise<DevEnvironment> | null = null;
  let inUse: Environment = {};
  return {
    read: async () => {
      const given = withSecretFiles(env);
      // A production machine without settings must not use a database of development.
      if (!given.DATABASE_URL && HAS_DEV && given.NODE_ENV !== 'production') {
        opened ??= import('./dev/dev-environment.ts').then(({ openDevEnvironment }) =>
          openDevEnvironment(given, { dataDir, isRoot }),
        );
      }
      inUse = (await opened)?.env ?? given;
      return inUse;
    },
    inUse: () => inUse,
    close: async () => {
      const { postgres } = (await opened?.catch(() => null)) ?? { postgres: null };
      // A `make dev` may use the server by now.
      if (postgres && !postgres.adopted && !(await hasOtherClients(connectionTo(postgres.url)))) {
        await postgres.stop();
      }
    },
  };
}

/** Creates what every command uses. `stopped` is called by commands that close their resources after a signal. */
function createDeps(
  project: Project,
  own: CommandLineProcess,
  environment: () => Promise<Environment>,
  stopped: () => Promise<void>,
): CliDeps {
  const { stdin, stdout, stderr } = own;
  const note = (line: string): void => void stderr.write(`${printableLines(line)}\n`);
  const config = async (): Promise<Config> => readConfig(project, await environment());
  return {
    project,
    environment,
    config,
    ownerUrl: async () => {
      const { OWNER_DATABASE_URL: url } = await config();
      if (!url) {
        throw new OperatorError(
          'configuration_invalid',
          'OWNER_DATABASE_URL is not set. It must be the URL of the migrating login.',
        );
      }
      return url;
    },
    print: (line) => void stdout.write(`${printableLines(line)}\n`),
    note,
    progress: createProgress({ terminal: stderr.isTTY ? stderr : null, note }),
    red: (words) => styleText('red', words, { stream: stdout }),
    terminal: stdin.isTTY === true,
    stopped,
    ask: createAsk({ stdin, stderr, interrupt: own.interrupt }),
    outputs: own,
    stdio: { input: stdin, output: stderr, interactive: stdin.isTTY === true },
  };
}

/** Copies changes of the registry from main to further databases. */
async function reconcileRegistry({ env }: CommandLineProcess, { config, ownerUrl }: CliDeps): Promise<void> {
  // Checked first: a command without a database must not open a connection here.
  if (env.OWNER_DATABASES || env.OWNER_DATABASES_FILE) {
    await reconcileFleet(databasesOf(await config(), await ownerUrl()));
  }
}

/** Prints an error, and returns the exit code for it. */
async function reportError(thrown: unknown, env: Environment, { note }: CliDeps): Promise<number> {
  if (thrown instanceof CommanderError) {
    return thrown.exitCode === 0 ? 0 : 2;
  }
  const { explain } = await import('./cli/framework/explain.ts');
  const error = explain(thrown, env);
  if (error instanceof DomainError) {
    note(error.message);
    return error.exitCode;
  }
  note(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
}

/** Returns the operator of a command: OPERATOR, or the account of the operating system, and the address of an SSH client. */
const actorOf = ({ env, account: { user, machine } }: CommandLineProcess): ActingFor => ({
  actor: (env.OPERATOR || user || 'unknown').slice(0, 255),
  source: 'cli',
  address: env.SSH_CONNECTION?.split(' ')[0] || machine.slice(0, 255) || null,
  operation: null,
});

/** Runs the command of a command line and returns the exit code. */
export async function executeCommandLine(project: Project, own: CommandLineProcess): Promise<number> {
  const environment = createEnvironment(own);

  // `dev` and `worker` close their resources. Every other command runs single transactions, so that an
  // interruption leaves nothing half done.
  let serving = false;
  const stop = Promise.withResolvers<void>();
  own.onSignal((number) => {
    stop.resolve();
    if (!serving) {
      void environment.close().finally(() => own.exit(128 + number));
    }
  });

  const deps = createDeps(project, own, environment.read, () => {
    serving = true;
    return stop.promise;
  });

  try {
    const parser = createParser(await listCommands(project, await devCommandsOf(project)), deps).version(
      readVersion(),
      '-V, --version',
      'print the version',
    );
    if (HAS_DEV) {
      const { dataDir, isRoot } = own;
      addHiddenDevCommands(parser, deps, {
        place: () => ({ project, env: withSecretFiles(own.env), dataDir, isRoot, print: deps.print }),
        root: own.root,
        startAgain: own.startAgain,
        notifyParent: own.notifyParent,
        onDisconnect: () => own.onDisconnect(stop.resolve),
      });
    }
    loadEnvFile('.env', own.loadEnvFile);
    const [word, ...words] = own.args;
    const named = word === undefined ? [] : [commandName(word)];
    await actFor(actorOf(own), async () => {
      await parser.parseAsync([...named, ...words], { from: 'user' });
      await reconcileRegistry(own, deps);
    });
    return 0;
  } catch (thrown) {
    return await reportError(thrown, environment.inUse(), deps);
  } finally {
    await environment.close();
  }
}
