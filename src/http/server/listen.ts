import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

import { OperatorError } from '../../errors.ts';
import { closeSlowResponses } from './close-slow-responses.ts';
import { limitConnections } from './limit-connections.ts';
import { trackRequests } from './track-requests.ts';

/** Timeouts of clients in milliseconds, and the maximum number of connections. */
export type ClientLimits = Readonly<{
  /** For a request to arrive completely, headers and body, and for its response to be received. */
  requestTimeout: number;
  /**
   * For the next request on a connection. Must exceed the keep-alive of a proxy in front:
   * otherwise the proxy may use a connection that is just closing.
   */
  keepAliveTimeout: number;
  maxConnections: number;
  /** Maximum connections from one address. Proxies have no such limit. */
  maxConnectionsPerAddress: number;
  isProxy?: (address: string) => boolean;
}>;

export type Listening = Readonly<{
  /** The port in use. */
  port: number;
  /** Number of requests whose response is not completely sent. */
  requestsInProgress: () => number;
  /** Makes every further response close its connection. New connections are still accepted. */
  drain: () => void;
  /**
   * Accepts no new connection, closes those without a request, and closes the others after their
   * response or after `grace` milliseconds. Returns the number of aborted requests. A request with
   * incomplete headers does not count.
   */
  close: (grace: number) => Promise<number>;
}>;

/** Milliseconds between two checks for late requests. */
const CHECK_INTERVAL_MS = 1_000;

/**
 * Starts the HTTP server. Port 0 selects a free port.
 *
 * @throws OperatorError `precondition_failed` when another program uses the port
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
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    // A request without a body needs no stream events.
    optimizeEmptyRequests: true,
  });
  limitConnections(server, {
    max: limits.maxConnections,
    maxPerAddress: limits.maxConnectionsPerAddress,
    isProxy,
  });
  const requests = trackRequests(server);
  closeSlowResponses(server, { open: requests.open, timeoutMs: requestTimeout });
  server.on('request', handler);
  const listening = Promise.withResolvers<void>();
  server.once('listening', listening.resolve);
  server.once('error', (error: NodeJS.ErrnoException) => {
    listening.reject(
      error.code === 'EADDRINUSE'
        ? new OperatorError(
            'precondition_failed',
            `Port ${port} is used by another program. Stop it, or choose another port with ${variable}=….`,
          )
        : error,
    );
  });
  server.listen({ port, ...(host ? { host } : {}) });
  await listening.promise;
  return {
    port: (server.address() as AddressInfo).port,
    requestsInProgress: requests.requestsInProgress,
    drain: requests.drain,
    close: async (grace) => {
      requests.drain();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      const timedOut = Promise.withResolvers<void>();
      const timer = setTimeout(timedOut.resolve, grace);
      await Promise.race([requests.settled(), timedOut.promise]);
      clearTimeout(timer);
      const aborted = requests.requestsInProgress();
      server.closeAllConnections();
      await closed.promise;
      return aborted;
    },
  };
}

/** Error codes of sockets and of Node's parser for a client that left, was too slow, or does not speak HTTP. */
const GONE =
  /^(ECONNABORTED|ECONNRESET|EPIPE|ETIMEDOUT|ERR_HTTP_REQUEST_TIMEOUT|ERR_STREAM_PREMATURE_CLOSE|HPE_\w+)$/;

/** Whether the client caused an error of a connection, so that it is not a bug. */
export const isClientGone = (error: unknown): boolean =>
  error instanceof Error && GONE.test(String((error as NodeJS.ErrnoException).code));
