import cluster from 'node:cluster';

import { printableLines } from '../cli/framework/printable.ts';
import { type Config, readConfig } from '../config/config.ts';
import { loadEnvFile } from '../config/env-file.ts';
import { withSecretFiles } from '../config/secret-files.ts';
import { readVersion } from '../config/version.ts';
import type { Project } from '../definition/define-project.ts';
import { DomainError } from '../errors.ts';
import { loadLazyModules } from '../lazy-modules.ts';
import { runCluster } from './cluster.ts';
import { FAULT_FOUND, isWorkerCommand, type WorkerCommand } from './workers.ts';

/** Milliseconds after which a service loads the modules that its start does not need. Its first requests are served before. */
const LOAD_AFTER_MS = 2_000;
/** Seconds that a worker continues to serve after its successor listens. Its clients must reconnect. */
const HANDOVER_SECONDS = 1;

const logLine = (msg: string, facts: Record<string, unknown> = {}): void => {
  process.stdout.write(`${JSON.stringify({ level: 'info', msg, ...facts })}\n`);
};

/** The commands to stop that the process receives, by signals or from its primary process. */
type StopCommands = Readonly<{
  first: Promise<WorkerCommand>;
  /** Resolves when the process must stop immediately: for a second command, or for `stop-now`. */
  now: Promise<void>;
  /** Call it when the process serves. A command before that ends the process. */
  serving: () => void;
}>;

function receiveCommands(): StopCommands {
  const [first, now] = [Promise.withResolvers<WorkerCommand>(), Promise.withResolvers<void>()];
  let received = 0;
  let isServing = false;
  const handleCommand = (command: WorkerCommand): void => {
    if (!isServing) {
      process.exit(0);
    }
    received += 1;
    if (received > 1 || command === 'stop-now') {
      now.resolve();
    }
    first.resolve(command);
  };

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Workers receive messages from the primary process. Terminals and systemd send the signal to both.
    process.on(signal, () => cluster.isPrimary && handleCommand('stop'));
  }
  if (cluster.isWorker) {
    process.on('message', (message) => isWorkerCommand(message) && handleCommand(message));
    process.on('disconnect', () => handleCommand('stop'));
    process.on('SIGHUP', () => {});
  }
  return {
    first: first.promise,
    now: now.promise,
    serving: () => {
      isServing = true;
    },
  };
}

/** Serves until a command arrives or a check has a finding. Returns the exit code. */
async function serve(project: Project, config: Config, commands: StopCommands): Promise<number> {
  // Loaded here: the primary process of WEB_CONCURRENCY does not serve, and an invalid configuration ends the process before.
  const [{ createLog }, { openService }, { shutDown }] = await Promise.all([
    import('../observability/logger.ts'),
    import('./service.ts'),
    import('./shutdown.ts'),
  ]);
  const log = createLog(config.LOG_LEVEL);
  process.on('exit', log.flush);
  const service = await openService(project, config, log);
  // A promise that a handler did not await must not end the process for every tenant.
  process.on('unhandledRejection', service.reportBug);
  commands.serving();
  logLine('listening', { port: service.port, ...(cluster.isWorker ? { pid: process.pid } : {}) });

  const loading = setTimeout(() => {
    loadLazyModules().catch(service.reportBug);
  }, LOAD_AFTER_MS);
  const command = await Promise.race([commands.first, service.faultFound]);
  clearTimeout(loading);
  if (command instanceof DomainError) {
    process.stderr.write(`${printableLines(command.message)}\n`);
    // A wall may be missing: requests in progress get no time.
    await shutDown(service, { delay: 0, grace: 0, stopNow: commands.now }, log.warn);
    return FAULT_FOUND;
  }
  const quietly = command === 'replaced';
  logLine('stopping', { requests: service.requestsInProgress() });
  const { SHUTDOWN_DELAY, SHUTDOWN_GRACE: grace } = config;
  const delay = quietly ? HANDOVER_SECONDS : SHUTDOWN_DELAY;
  return shutDown(service, { delay, grace, stopNow: commands.now, quietly }, log.warn);
}

/** Keeps the workers of a primary process. Returns the exit code. */
async function keepWorkers(
  { WEB_CONCURRENCY: count, METRICS_PORT: port, METRICS_ADDRESS: host }: Config,
  commands: StopCommands,
): Promise<number> {
  if (port !== undefined) {
    const { gatherMetrics } = await import('../observability/gather-metrics.ts');
    await gatherMetrics({ port, host });
  }
  commands.serving();
  return runCluster({
    fork: () => cluster.fork(),
    count,
    stopped: commands.first.then(() => {}),
    stopNow: commands.now,
    onReload: (reload) => process.on('SIGHUP', reload),
    log: logLine,
  });
}

/**
 * Serves a project until the process receives a signal, and ends the process. Reads the
 * environment and `.env`. Call it once, from the file that `node` runs.
 */
export async function startService(project: Project): Promise<void> {
  // First: PID 1 of a container ignores signals without a handler.
  const commands = receiveCommands();
  try {
    if (process.argv.includes('--version')) {
      process.stdout.write(`${readVersion()}\n`);
      process.exit(0);
    }
    loadEnvFile('.env', (file) => process.loadEnvFile(file));
    const config = readConfig(project, withSecretFiles(process.env));
    const several = cluster.isPrimary && config.WEB_CONCURRENCY > 1;
    process.exit(await (several ? keepWorkers(config, commands) : serve(project, config, commands)));
  } catch (error) {
    if (!(error instanceof DomainError)) {
      throw error;
    }
    process.stderr.write(`${printableLines(error.message)}\n`);
    process.exit(error.code === 'configuration_invalid' ? 2 : 1);
  }
}
