import { existsSync } from 'node:fs';

import { readConfig } from './config.ts';
import { DomainError } from './errors.ts';
import { createLog } from './logger.ts';
import { withSecretFiles } from './secret-files.ts';
import { startService } from './service.ts';

try {
  if (existsSync('.env')) {
    process.loadEnvFile('.env');
  }
  const config = readConfig(withSecretFiles(process.env));
  const service = await startService(config, createLog(config.LOG_LEVEL));
  process.stdout.write(`${JSON.stringify({ level: 'info', msg: 'listening', port: service.port })}\n`);

  const stop = async (): Promise<void> => {
    await service.close();
    process.exit(0);
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());
} catch (error) {
  if (!(error instanceof DomainError)) {
    throw error;
  }
  process.stderr.write(`${error.message}\n`);
  process.exit(error.code === 'configuration_invalid' ? 2 : 1);
}
