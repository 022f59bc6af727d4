import { DomainError } from '../errors.ts';
import { startEmbeddedServer } from './embedded-server.ts';
import { keepServer } from './kept-server.ts';

// The entry point of the process that `startKeptServer` starts.
try {
  await keepServer(async () => ({ ...(await startEmbeddedServer()), description: 'PostgreSQL (embedded)' }));
} catch (error) {
  console.error(error instanceof DomainError ? error.message : error);
  process.exit(1);
}
// A client library may still have handles open.
process.exit();
