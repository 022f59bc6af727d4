import { startEmbeddedServer } from './embedded-server.ts';
import { runServerProcess } from './server-process.ts';

// The entry point of the process that `startServerProcess` starts.
await runServerProcess(async () => ({
  ...(await startEmbeddedServer()),
  description: 'PostgreSQL (embedded)',
}));
// A client library may still have handles open.
process.exit();
