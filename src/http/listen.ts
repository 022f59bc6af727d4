import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

import { DomainError } from '../errors.ts';

/** Milliseconds that requests under way are given when the server closes. */
const GRACE = 10_000;

/**
 * Listens, and answers the port that was taken (0 takes any) and how to close:
 * no new connection, idle ones ended, the others when their request is answered.
 *
 * @throws DomainError `precondition_failed` when another program has the port
 */
export async function listen(
  handler: RequestListener,
  { port, host, variable = 'PORT' }: { port: number; host: string | undefined; variable?: string },
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer(handler);
  const listening = Promise.withResolvers<void>();
  server.once('listening', listening.resolve);
  server.once('error', (error: NodeJS.ErrnoException) => {
    listening.reject(
      error.code === 'EADDRINUSE'
        ? new DomainError(
            'precondition_failed',
            `Port ${port} is taken by another program: stop it, or choose another with ${variable}=….`,
          )
        : error,
    );
  });
  server.listen({ port, ...(host ? { host } : {}) });
  await listening.promise;
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeIdleConnections();
      const impatient = setTimeout(() => server.closeAllConnections(), GRACE);
      await closed.promise;
      clearTimeout(impatient);
    },
  };
}
