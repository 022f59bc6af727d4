import { cpus, totalmem } from 'node:os';

/** Facts of the machine that a figure depends on. */
export const machine = (postgres: string) => ({
  cores: cpus().length,
  cpu: cpus()[0]?.model ?? 'unknown',
  memoryGb: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  postgres,
});
