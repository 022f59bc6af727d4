import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

import { DomainError } from '../../errors.ts';
import { limitConnections } from './limit-connections.ts';
import { trackRequests } from './track-requests.ts';

/** How long a client may take, in milliseconds, and how many there may be. */
export type ClientLimits = Readonly<{
  /** For a request to arrive whole, headers and body; and for its answer to be taken. */
  requestTimeout: number;
  /** For the next request on a connection. Longer than a proxy before us keeps its own, or it uses one that just ends. */
  keepAliveTimeout: number;
  maxConnections: number;
  /** From one address; for a proxy there is no such limit. */
  maxConnectionsPerAddress: number;
  isProxy?: (address: string) => boolean;
}>;

export type Listening = Readonly<{
  /** The one that was taken. */
  port: number;
  /** Requests whose answer has not left whole. */
  underWay: () => number;
  /** From now on every answer ends its connection. New connections are still taken. */
  drain: () => void;
  /**
   * Takes no new connection, ends those without a request, and the others when
   * theirs are answered, or after `grace` milliseconds. Answers how many requests
   * were cut. A request whose headers have not arrived whole is none yet.
   */
  close: (grace: number) => Promise<number>;
}>;

/** Milliseconds between two looks for requests that are late. */
const LOOK = 1_000;

/**
 * Listens; port 0 takes any that is free.
 *
 * @throws DomainError `precondition_failed` when another program has the port
 */
export async function listen(
  handler: RequestListener,
  {
    port,
    host,
    limits,
    variable = 'PORT',
  }: { port: number; host: string | undefined; limits: ClientLimits; variable?: string },
): Promise<Listening> {
  const { requestTimeout, keepAliveTimeout, isProxy = () => false } = limits;
  const server = createServer({
    headersTimeout: requestTimeout,
    requestTimeout,
    keepAliveTimeout,
    connectionsCheckingInterval: LOOK,
  });
  limitConnections(server, {
    max: limits.maxConnections,
    maxPerAddress: limits.maxConnectionsPerAddress,
    isProxy,
    patience: requestTimeout,
  });
  const requests = trackRequests(server);
  server.on('request', handler);
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
    underWay: requests.underWay,
    drain: requests.drain,
    close: async (grace) => {
      requests.drain();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      const impatient = Promise.withResolvers<void>();
      const timer = setTimeout(impatient.resolve, grace);
      await Promise.race([requests.settled(), impatient.promise]);
      clearTimeout(timer);
      const cut = requests.underWay();
      server.closeAllConnections();
      await closed.promise;
      return cut;
    },
  };
}
