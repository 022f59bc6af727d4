import { DomainError } from '../errors.ts';
import { startEmbeddedServer } from './embedded-server.ts';
import { runServerProcess } from './server-process.ts';

// The entry point of the process that `startServerProcess` starts.
try {
  await runServerProcess(async () => ({
    ...(await startEmbeddedServer()),
    description: 'PostgreSQL (embedded)',
  }));
} catch (error) {
  console.error(error instanceof DomainError ? error.message : error);
  process.exit(1);
}
// A client library may still have handles open.
process.exit();
