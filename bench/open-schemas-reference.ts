import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import type { LoadRequest } from './load.ts';
import type { OpenFleet } from './open-fleet.ts';
import { type StartedServer, startServer } from './start-server.ts';

const SERVER = join(import.meta.dirname, 'reference/schemas.ts');
const SECRET = 'the secret of the reference server, long enough';

/** The reference server without walls, which reads the same schemas, and a request of each tenant. */
export type SchemasReference = Readonly<{
  server: StartedServer;
  requests: readonly LoadRequest[];
  close: () => Promise<void>;
}>;

/** Starts the server of reference/schemas.ts on a fleet, with requests of its first `count` tenants. */
export async function openSchemasReference(
  { superuserUrl, users }: OpenFleet,
  { count, connections }: Readonly<{ count: number; connections: number }>,
): Promise<SchemasReference> {
  const folder = await mkdtemp(join(tmpdir(), 'koa-tenants-bench-'));
  const server = await startServer(SERVER, {
    log: join(folder, 'reference.log'),
    env: { DATABASE_URL: superuserUrl, JWT_SECRET: SECRET, POOL_SIZE: String(connections), PORT: '0' },
  });
  return {
    server,
    requests: users.slice(0, count).map(({ host, id, family }) => {
      const token = jwt.sign({ host, user: id, family }, SECRET, { algorithm: 'HS256', expiresIn: '1d' });
      return { method: 'GET', path: '/api/projects/1/', headers: { host, authorization: `Bearer ${token}` } };
    }),
    close: async () => {
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}
