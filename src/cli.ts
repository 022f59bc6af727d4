import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { styleText } from 'node:util';
import { CommanderError } from 'commander';
import { addDomainCommand } from './cli/add-domain.ts';
import { allTenantsCommand } from './cli/all-tenants-command.ts';
import { changePassword } from './cli/change-password.ts';
import { check } from './cli/check.ts';
import { cloneTenantCommand } from './cli/clone-tenant.ts';
import type { CliCommand, CliDeps } from './cli/command.ts';
import { createSuperuser } from './cli/create-superuser.ts';
import { createTenant } from './cli/create-tenant.ts';
import { deleteTenantCommand } from './cli/delete-tenant.ts';
import { runDev } from './cli/dev.ts';
import { type DevEnvironment, openDevEnvironment } from './cli/dev-environment.ts';
import { commandName } from './cli/django-names.ts';
import { doctor } from './cli/doctor.ts';
import { dropKeptCommand } from './cli/drop-kept.ts';
import { dumpData } from './cli/dump-data.ts';
import { dumpTenantCommand } from './cli/dump-tenant.ts';
import { explain } from './cli/explain.ts';
import { databasesOf, keepFleetInStep } from './cli/fleet.ts';
import { flushExpiredTokens } from './cli/flush-expired-tokens.ts';
import { hashPasswordCommand } from './cli/hash-password.ts';
import { listTenantsCommand } from './cli/list-tenants.ts';
import { loadData } from './cli/load-data.ts';
import { maintenance } from './cli/maintenance.ts';
import { migrateCommand } from './cli/migrate.ts';
import { migrateStatus } from './cli/migrate-status.ts';
import { moveTenantCommand } from './cli/move-tenant.ts';
import { outbox } from './cli/outbox.ts';
import { createParser } from './cli/parser.ts';
import { printableLines } from './cli/printable.ts';
import { createProgress } from './cli/progress.ts';
import { purgeTenants } from './cli/purge-tenants.ts';
import { removeDomainCommand } from './cli/remove-domain.ts';
import { renameTenantCommand } from './cli/rename-tenant.ts';
import { restoreTenantCommand } from './cli/restore-tenant.ts';
import { resumeTenantCommand } from './cli/resume-tenant.ts';
import { rotateKeys } from './cli/rotate-keys.ts';
import { seed } from './cli/seed.ts';
import { setPrimaryDomainCommand } from './cli/set-primary-domain.ts';
import { settings } from './cli/settings.ts';
import { showTenant } from './cli/show-tenant.ts';
import { sqlCommand } from './cli/sql.ts';
import { suspendTenantCommand } from './cli/suspend-tenant.ts';
import { tenantCommand } from './cli/tenant-command.ts';
import { undeleteTenantCommand } from './cli/undelete-tenant.ts';
import { verifyDomainCommand } from './cli/verify-domain.ts';
import { worker } from './cli/worker.ts';
import { readConfig } from './config.ts';
import { connectionTo } from './db/connection.ts';
import { hasOtherClients } from './db/other-clients.ts';
import { DomainError } from './errors.ts';
import { withSecretFiles } from './secret-files.ts';

const COMMANDS: readonly CliCommand<never>[] = [
  createTenant,
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
  createSuperuser,
  changePassword,
  rotateKeys,
  settings,
  outbox,
  flushExpiredTokens,
  tenantCommand(() => COMMANDS),
  allTenantsCommand(() => COMMANDS),
  sqlCommand,
  loadData,
  dumpData,
  hashPasswordCommand,
  seed,
  check,
  doctor,
  worker,
  dumpTenantCommand,
  restoreTenantCommand,
  cloneTenantCommand,
  moveTenantCommand,
  dropKeptCommand,
] as CliCommand<never>[];

if (existsSync('.env')) {
  process.loadEnvFile('.env');
}
const dataDir = path.resolve('.data');
const isRoot = process.getuid?.() === 0;
const print = (line: string): void => void process.stdout.write(`${printableLines(line)}\n`);
const note = (line: string): void => void process.stderr.write(`${printableLines(line)}\n`);

type Environment = DevEnvironment['env'];

let opened: Promise<DevEnvironment> | null = null;
let inUse: Environment | null = null;
const environment = async (): Promise<Environment> => {
  const given = withSecretFiles(process.env);
  if (!given.DATABASE_URL) {
    opened ??= openDevEnvironment(given, { dataDir, isRoot });
  }
  inUse = (await opened)?.env ?? given;
  return inUse;
};

const closeEnvironment = async (): Promise<void> => {
  const { postgres } = (await opened?.catch(() => null)) ?? { postgres: null };
  // A `make dev` may have come to use it meanwhile.
  if (postgres && !postgres.adopted && !(await hasOtherClients(connectionTo(postgres.url)))) {
    await postgres.stop();
  }
};

// `dev` and `worker` close what they have open; every other command is one transaction after the
// other, and leaves nothing half done where it is cut off.
let serving = false;
const stop = Promise.withResolvers<void>();
for (const [signal, number] of [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
  process.on(signal, () => {
    stop.resolve();
    if (!serving) {
      void closeEnvironment().finally(() => process.exit(128 + number));
    }
  });
}

let piped: Promise<string[]> | null = null;
const ask: CliDeps['ask'] = async (asked, { secret = false } = {}) => {
  const question = printableLines(asked);
  if (!process.stdin.isTTY) {
    piped ??= text(process.stdin).then((all) => all.split(/\r?\n/));
    return (await piped).shift() ?? '';
  }
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: process.stdin,
    output: secret ? silent : process.stderr,
    terminal: true,
  });
  // A terminal that readline reads sends no signal of its own.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  if (secret) {
    process.stderr.write(question);
  }
  const answer = await lines.question(question);
  lines.close();
  if (secret) {
    process.stderr.write('\n');
  }
  return answer;
};

const deps: CliDeps = {
  environment,
  config: async () => readConfig(await environment()),
  ownerUrl: async () => {
    const { OWNER_DATABASE_URL: url } = readConfig(await environment());
    if (!url) {
      throw new DomainError(
        'configuration_invalid',
        'OWNER_DATABASE_URL is not set: it names the login that migrates.',
      );
    }
    return url;
  },
  print,
  note,
  progress: createProgress({ terminal: process.stderr.isTTY ? process.stderr : null, note }),
  red: (words) => styleText('red', words, { stream: process.stdout }),
  terminal: process.stdin.isTTY === true,
  stopped: () => {
    serving = true;
    return stop.promise;
  },
  ask,
  stdio: { input: process.stdin, output: process.stderr, interactive: process.stdin.isTTY === true },
};

/** Whatever a command has changed on main, further databases hear of. */
const keepInStep = async (): Promise<void> => {
  // Asked first: a command that needs no database must not open one here.
  if (process.env.OWNER_DATABASES || process.env.OWNER_DATABASES_FILE) {
    const config = readConfig(await environment());
    await keepFleetInStep(databasesOf(config, await deps.ownerUrl()));
  }
};

const parser = createParser(COMMANDS, deps);
parser
  .command('dev', { hidden: true })
  .description('Serve two demo tenants from an embedded PostgreSQL, until Ctrl-C.')
  .action(() => {
    serving = true;
    return runDev({ env: withSecretFiles(process.env), dataDir, isRoot, print, stopped: stop.promise });
  });

const USAGE = new Set<DomainError['code']>([
  'configuration_invalid',
  'domain_invalid',
  'schema_name_invalid',
  'usage_invalid',
]);

async function main(): Promise<number> {
  try {
    const [program = '', script = '', word, ...words] = process.argv;
    const named = word === undefined ? [] : [commandName(word)];
    await parser.parseAsync([program, script, ...named, ...words]);
    await keepInStep();
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      return thrown.exitCode === 0 ? 0 : 2;
    }
    const error = explain(thrown, inUse ?? {});
    if (error instanceof DomainError) {
      note(error.message);
      return USAGE.has(error.code) ? 2 : 1;
    }
    note(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 1;
  } finally {
    await closeEnvironment();
  }
}

process.exitCode = await main();
// A pipe that nobody closes would keep the program alive.
process.stdin.destroy();
