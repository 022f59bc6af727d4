import { request } from 'node:http';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';
import type { StartedTestContainer } from 'testcontainers';

import { DomainError } from '../../src/errors.ts';
import { startEmbeddedServer } from '../../src/testing/embedded-server.ts';
import { type KeptServer, keepServer, startKeptServer } from '../../src/testing/kept-server.ts';

export type TestServer = KeptServer;

type Settings = Readonly<Record<string, string>>;

type Started = Readonly<{ url: string; kind: string; stop(): Promise<void> }>;

/** What a Docker client would try, in its order. */
function dockerEndpoints(): readonly (
  | Readonly<{ socketPath: string }>
  | Readonly<{ host: string; port: number }>
)[] {
  const { DOCKER_HOST, XDG_RUNTIME_DIR } = process.env;
  if (DOCKER_HOST?.startsWith('unix://')) {
    return [{ socketPath: DOCKER_HOST.slice('unix://'.length) }];
  }
  if (DOCKER_HOST) {
    const { hostname, port } = new URL(DOCKER_HOST);
    return [{ host: hostname, port: Number(port) || 2375 }];
  }
  return [
    '/var/run/docker.sock',
    ...(XDG_RUNTIME_DIR ? [join(XDG_RUNTIME_DIR, 'docker.sock')] : []),
    join(homedir(), '.docker', 'run', 'docker.sock'),
    join(homedir(), '.docker', 'desktop', 'docker.sock'),
  ].map((socketPath) => ({ socketPath }));
}

/** Whether a Docker engine answers, known after at most two seconds. */
export async function dockerAnswers(): Promise<boolean> {
  const signal = AbortSignal.timeout(2000);
  const answers = await Promise.all(
    dockerEndpoints().map(
      (endpoint) =>
        new Promise<boolean>((flushEntry) => {
          // Any status will do: an engine that wants TLS says 400 here.
          request({ ...endpoint, path: '/_ping', signal }, (response) => {
            response.resume();
            flushEntry(true);
          })
            .on('error', () => flushEntry(false))
            .end();
        }),
    ),
  );
  return answers.includes(true);
}

/** Whether something listens there, known after a second. */
async function listens(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: 1000 });
  try {
    return await new Promise((flushEntry) => {
      socket.on('connect', () => flushEntry(true));
      socket.on('timeout', () => flushEntry(false));
      socket.on('error', () => flushEntry(false));
    });
  } finally {
    socket.destroy();
  }
}

/**
 * Where the server of a container is reached from here, and where there is such an
 * address, by other containers too: a tenant moves online between two of them.
 */
async function addressOf(container: StartedTestContainer): Promise<string> {
  const port = container.getMappedPort(5432);
  for (const [host, at] of [
    [container.getIpAddress(container.getNetworkNames()[0] ?? 'bridge'), 5432],
    // Docker Desktop's, whose containers run on a machine of their own.
    ['host.docker.internal', port],
  ] as const) {
    if (await listens(host, at)) {
      return `${host}:${at}`;
    }
  }
  return `${container.getHost()}:${port}`;
}

async function startInDocker(): Promise<Started> {
  // A quarter of a second, which every process of the tests would spend on it.
  const { GenericContainer, Wait } = await import('testcontainers');
  const image = process.env.TEST_POSTGRES_IMAGE ?? 'postgres:18-alpine';
  const container = await new GenericContainer(image)
    .withEnvironment({ POSTGRES_PASSWORD: 'postgres' })
    .withCommand([
      'postgres',
      ...['max_connections=200', 'wal_level=logical', 'fsync=off', 'synchronous_commit=off'].flatMap(
        (setting) => ['-c', setting],
      ),
    ])
    .withExposedPorts(5432)
    // The first time is the one that only sets the data up, and ends again.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  return {
    url: `postgres://postgres:postgres@${await addressOf(container)}/postgres`,
    kind: `${image} in Docker`,
    async stop() {
      await container.stop();
    },
  };
}

async function startEmbedded(settings: Settings = {}): Promise<Started> {
  return { ...(await startEmbeddedServer(settings)), kind: 'embedded' };
}

async function startChosen(settings: Settings): Promise<Started> {
  if (Object.keys(settings).length > 0) {
    return startEmbedded(settings);
  }
  const choice = process.env.TEST_POSTGRES ?? '';
  if (/^postgres(ql)?:\/\//.test(choice)) {
    return { url: choice, kind: 'the one of TEST_POSTGRES', stop: async () => {} };
  }
  switch (choice) {
    case 'docker':
      return startInDocker();
    case 'embedded':
      return startEmbedded();
    case '':
      if (await dockerAnswers()) {
        try {
          return await startInDocker();
        } catch (error) {
          // Such as an engine without a network to get the image from.
          console.error(`Docker answers, but not with a PostgreSQL: ${(error as Error).message}`);
        }
      }
      return startEmbedded();
    default:
      throw new TypeError('TEST_POSTGRES is docker, embedded or the URL of a superuser.');
  }
}

async function versionOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return rows[0]?.server_version ?? 'of unknown version';
  } finally {
    await client.end();
  }
}

/**
 * Starts the PostgreSQL that `TEST_POSTGRES` asks for: `docker`, `embedded`, or
 * the URL of a superuser; unset, Docker when an engine answers. One with `settings`
 * of its own is embedded, whatever was asked for.
 *
 * A process of its own keeps the server, and stops it also when the caller ends
 * without `stop()`, killed or not.
 */
export const startTestServer = (settings: Settings = {}): Promise<TestServer> =>
  startKeptServer(import.meta.filename, [JSON.stringify(settings)]);

async function start(settings: Settings): Promise<KeptServer> {
  const server = await startChosen(settings);
  try {
    const description = `PostgreSQL ${await versionOf(server.url)} (${server.kind})`;
    return { url: server.url, description, stop: server.stop };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

let own: Promise<TestServer> | undefined;

/**
 * The superuser's URL of the PostgreSQL to test on.
 *
 * The runner names one for all test files in `TEST_DATABASE_URL`; without it this
 * process gets one for itself, that ends with it.
 */
export async function testServerUrl(): Promise<string> {
  const shared = process.env.TEST_DATABASE_URL;
  if (shared) {
    return shared;
  }
  own ??= startTestServer();
  return (await own).url;
}

if (import.meta.main) {
  try {
    await keepServer(() => start(JSON.parse(process.argv[2] ?? '{}')));
  } catch (error) {
    console.error(error instanceof DomainError ? error.message : error);
    process.exit(1);
  }
  // Whatever else a client library still has open.
  process.exit();
}
