import { Agent, type IncomingMessage, request } from 'node:http';
import autocannon from 'autocannon';

/** One request of a load. All requests of a server are sent in turn. */
export type LoadRequest = Readonly<{
  method: 'GET' | 'POST';
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
}>;

const CONNECTIONS = 32;
/** Seconds until a request counts as failed. A busy machine may stall for longer than the default of 10. */
const TIMEOUT_SECONDS = 60;

function rotated(requests: readonly LoadRequest[], connection: number): readonly LoadRequest[] {
  const from = Math.floor((connection * requests.length) / CONNECTIONS);
  return [...requests.slice(from), ...requests.slice(0, from)];
}

/**
 * Sends `requests` in turn over 32 connections for `seconds`, each connection from another one on. A function is called
 * for each connection, and returns the requests of that connection.
 * Returns the number of responses, the seconds that they took and the milliseconds of processor time of this process,
 * without those to build the requests.
 *
 * @throws Error for a status other than 200 and 201
 */
export async function load(
  port: number,
  requests: readonly LoadRequest[] | (() => readonly LoadRequest[]),
  seconds: number,
): Promise<Readonly<{ responses: number; seconds: number; processorMs: number }>> {
  let connection = 0;
  const result = Promise.withResolvers<autocannon.Result>();
  const options: autocannon.Options = {
    url: `http://127.0.0.1:${port}`,
    connections: CONNECTIONS,
    duration: seconds,
    timeout: TIMEOUT_SECONDS,
    setupClient: (client) => {
      const own = typeof requests === 'function' ? requests() : rotated(requests, connection);
      connection += 1;
      client.setRequests([...own] as autocannon.Request[]);
    },
  };
  const running = autocannon(options, (error, ended) =>
    error ? result.reject(error) : result.resolve(ended),
  );
  // autocannon's own duration includes the time to build the requests of all connections, before the first one is sent.
  let started = Number.NaN;
  let used = process.cpuUsage();
  running.on('start', () => {
    started = performance.now();
    used = process.cpuUsage();
  });
  const { non2xx, errors, requests: sent, statusCodeStats } = await result.promise;
  const ended = performance.now();
  const { user, system } = process.cpuUsage(used);
  if (non2xx + errors > 0) {
    const statuses = Object.entries(statusCodeStats ?? {}).map(
      ([status, { count }]) => `${count} x ${status}`,
    );
    throw new Error(
      `${non2xx} responses had another status than 2xx, and ${errors} requests failed: ${statuses.join(', ')}.`,
    );
  }
  return { responses: sent.total, seconds: (ended - started) / 1000, processorMs: (user + system) / 1000 };
}

/** Sends one request and returns the response's JSON. @throws Error for a status other than 200 and 201 */
export async function fetchOne(
  port: number,
  { method, path, headers, body }: LoadRequest,
): Promise<Record<string, unknown>> {
  const agent = new Agent();
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  request({ port, host: '127.0.0.1', method, path, headers, agent }, resolve).on('error', reject).end(body);
  const response = await promise;
  const text = (await response.setEncoding('utf8').toArray()).join('');
  agent.destroy();
  if (![200, 201].includes(response.statusCode ?? 0)) {
    throw new Error(`${method} ${path} returned ${response.statusCode}: ${text}`);
  }
  return JSON.parse(text);
}
