import { existsSync } from 'node:fs';

import { readConfig } from './config.ts';
import { DomainError } from './errors.ts';
import { createLog } from './logger.ts';
import { withSecretFiles } from './secret-files.ts';
import { startService } from './service.ts';
import { shutDown } from './shut-down.ts';

const say = (msg: string, facts: Record<string, unknown> = {}): void => {
  process.stdout.write(`${JSON.stringify({ level: 'info', msg, ...facts })}\n`);
};

const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
let signals = 0;
let serving = false;
// From the start: PID 1 of a container is not ended by a signal that it does not listen to.
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (!serving) {
      process.exit(0);
    }
    signals += 1;
    (signals === 1 ? first : second).resolve();
  });
}

try {
  if (existsSync('.env')) {
    process.loadEnvFile('.env');
  }
  const config = readConfig(withSecretFiles(process.env));
  const log = createLog(config.LOG_LEVEL);
  const service = await startService(config, log);
  serving = true;
  say('listening', { port: service.port });

  await first.promise;
  say('stopping', { requests: service.underWay() });
  const { SHUTDOWN_DELAY: delay, SHUTDOWN_GRACE: grace } = config;
  process.exit(await shutDown(service, { delay, grace, hurry: second.promise }, log.warn));
} catch (error) {
  if (!(error instanceof DomainError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exit(error.code === 'configuration_invalid' ? 2 : 1);
}
