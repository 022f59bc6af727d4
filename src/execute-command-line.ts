import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { type Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { styleText } from 'node:util';
import { CommanderError } from 'commander';
import { cloneTenantCommand } from './cli/commands/data/clone-tenant.ts';
import { dropRetainedCopiesCommand } from './cli/commands/data/drop-retained-copies.ts';
import { dumpData } from './cli/commands/data/dump-data.ts';
import { dumpTenantCommand } from './cli/commands/data/dump-tenant.ts';
import { loadData } from './cli/commands/data/load-data.ts';
import { moveTenantCommand } from './cli/commands/data/move-tenant.ts';
import { restoreTenantCommand } from './cli/commands/data/restore-tenant.ts';
import { runScript } from './cli/commands/data/run.ts';
import { shellCommand } from './cli/commands/data/shell.ts';
import { sqlCommand } from './cli/commands/data/sql.ts';
import { addDomainCommand } from './cli/commands/domains/add-domain.ts';
import { removeDomainCommand } from './cli/commands/domains/remove-domain.ts';
import { setPrimaryDomainCommand } from './cli/commands/domains/set-primary-domain.ts';
import { verifyDomainCommand } from './cli/commands/domains/verify-domain.ts';
import { migrateCommand } from './cli/commands/migrations/migrate.ts';
import { migrateStatus } from './cli/commands/migrations/migrate-status.ts';
import { allTenantsCommand } from './cli/commands/operations/all-tenants-command.ts';
import { check } from './cli/commands/operations/check.ts';
import { doctorCommand } from './cli/commands/operations/doctor/doctor.ts';
import { rotateKeys } from './cli/commands/operations/rotate-keys.ts';
import { tenantCommand } from './cli/commands/operations/tenant-command.ts';
import { worker } from './cli/commands/operations/worker.ts';
import { createTenantCommand } from './cli/commands/tenants/create-tenant.ts';
import { deleteTenantCommand } from './cli/commands/tenants/delete-tenant.ts';
import { listTenantsCommand } from './cli/commands/tenants/list-tenants.ts';
import { maintenance } from './cli/commands/tenants/maintenance.ts';
import { purgeTenants } from './cli/commands/tenants/purge-tenants.ts';
import { renameTenantCommand } from './cli/commands/tenants/rename-tenant.ts';
import { resumeTenantCommand } from './cli/commands/tenants/resume-tenant.ts';
import { settings } from './cli/commands/tenants/settings.ts';
import { showTenant } from './cli/commands/tenants/show-tenant.ts';
import { suspendTenantCommand } from './cli/commands/tenants/suspend-tenant.ts';
import { undeleteTenantCommand } from './cli/commands/tenants/undelete-tenant.ts';
import type { CliCommand, CliDeps, Output } from './cli/framework/command.ts';
import { commandName } from './cli/framework/django-names.ts';
import { explain } from './cli/framework/explain.ts';
import { databasesOf, reconcileFleet } from './cli/framework/fleet.ts';
import { createParser } from './cli/framework/parser.ts';
import { printableLines } from './cli/framework/printable.ts';
import { createProgress } from './cli/framework/progress.ts';
import { readConfig } from './config/config.ts';
import { loadEnvFile } from './config/env-file.ts';
import { withSecretFiles } from './config/secret-files.ts';
import { readVersion } from './config/version.ts';
import { connectionTo } from './db/admin/connection-config.ts';
import { hasOtherClients } from './db/admin/other-clients.ts';
import type { Project } from './definition/define-project.ts';
import type { DevEnvironment } from './dev/dev-environment.ts';
import { DomainError, OperatorError } from './errors.ts';

/** Whether the commands of development exist. The image does not contain them. */
const HAS_DEV = existsSync(new URL('./dev/', import.meta.url));

/** Returns the listed commands of development. */
async function devCommandsOf(project: Project): Promise<readonly CliCommand<never>[]> {
  if (!HAS_DEV) {
    return [];
  }
  const [{ seedCommand }, { newAppCommand }] = await Promise.all([
    import('./dev/seed.ts'),
    import('./dev/new-app.ts'),
  ]);
  return [seedCommand(project), newAppCommand] as CliCommand<never>[];
}

/** Returns the commands of the engine and of the project's apps. */
async function commandsOf(project: Project): Promise<readonly CliCommand<never>[]> {
  const ofApps = await Promise.all(project.apps.map((app) => app.commands()));
  const commands: readonly CliCommand<never>[] = [
    createTenantCommand(ofApps.flatMap(({ createTenant }) => createTenant ?? [])),
    listTenantsCommand,
    showTenant,
    renameTenantCommand,
    suspendTenantCommand,
    resumeTenantCommand,
    maintenance,
    deleteTenantCommand,
    undeleteTenantCommand,
    purgeTenants,
    addDomainCommand,
    removeDomainCommand,
    setPrimaryDomainCommand,
    verifyDomainCommand,
    migrateCommand,
    migrateStatus,
    rotateKeys,
    settings,
    tenantCommand(() => commands),
    allTenantsCommand(() => commands),
    sqlCommand,
    runScript,
    shellCommand,
    loadData,
    dumpData,
    ...(await devCommandsOf(project)),
    check,
    doctorCommand(project),
    worker,
    dumpTenantCommand,
    restoreTenantCommand,
    cloneTenantCommand,
    moveTenantCommand,
    dropRetainedCopiesCommand,
    ...ofApps.flatMap((app) => app.commands),
  ] as CliCommand<never>[];
  return commands;
}

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
    if (!given.DATABASE_URL && HAS_DEV) {
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

  let piped: Promise<string[]> | null = null;
  const ask: CliDeps['ask'] = async (asked, { secret = false } = {}) => {
    const question = printableLines(asked);
    if (!stdin.isTTY) {
      piped ??= text(stdin).then((all) => all.split(/\r?\n/));
      return (await piped).shift() ?? '';
    }
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const lines = createInterface({
      input: stdin,
      output: secret ? silent : stderr,
      terminal: true,
    });
    // A terminal that readline reads sends no signal.
    lines.on('SIGINT', () => own.interrupt());
    if (secret) {
      stderr.write(question);
    }
    const answer = await lines.question(question);
    lines.close();
    if (secret) {
      stderr.write('\n');
    }
    return answer;
  };

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
    ask,
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

  const parser = createParser(await commandsOf(project), deps).version(
    readVersion(),
    '-V, --version',
    'print the version',
  );
  if (HAS_DEV) {
    const place = () => ({ project, env: withSecretFiles(own.env), dataDir, isRoot, print });
    parser
      .command('dev', { hidden: true })
      .description(
        'Serve two demo tenants from an embedded PostgreSQL. Restarts after a change. Ctrl-C stops it.',
      )
      .action(async () => {
        const { runDev } = await import('./dev/dev.ts');
        await runDev({
          ...place(),
          stopped: deps.stopped(),
          root: own.root,
          startServing: (env) => own.startAgain('serve-dev', env),
        });
      });
    parser
      .command('serve-dev', { hidden: true })
      .description('Internal: the serving process of `dev`.')
      .action(async () => {
        own.onDisconnect(stop.resolve);
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
        (await import('./dev/reset.ts')).resetDev({ ...place(), ask, yes }),
      );
  }

  try {
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
