import { request } from 'node:http';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';
import type { StartedTestContainer } from 'testcontainers';

import { OperatorError } from '../../src/errors.ts';
import { simplifyPasswords, startEmbeddedServer } from '../../src/testing/embedded-server.ts';
import {
  runServerProcess,
  type ServerProcess,
  startServerProcess,
} from '../../src/testing/server-process.ts';
import { installPostgres } from './install-postgres.ts';

export type TestServer = ServerProcess;

type Settings = Readonly<Record<string, string>>;

type Started = Readonly<{ url: string; kind: string; stop(): Promise<void> }>;

/** Returns the endpoints that a Docker client would try, in its order. */
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

/** Whether a Docker engine responds within two seconds. */
export async function dockerAnswers(): Promise<boolean> {
  const signal = AbortSignal.timeout(2000);
  const responses = await Promise.all(
    dockerEndpoints().map(
      (endpoint) =>
        new Promise<boolean>((resolve) => {
          // Any status is sufficient: an engine that requires TLS responds 400 here.
          request({ ...endpoint, path: '/_ping', signal }, (response) => {
            response.resume();
            resolve(true);
          })
            .on('error', () => resolve(false))
            .end();
        }),
    ),
  );
  return responses.includes(true);
}

/** Whether a server listens there. Takes at most one second. */
async function listens(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: 1000 });
  try {
    return await new Promise((resolve) => {
      socket.on('connect', () => resolve(true));
      socket.on('timeout', () => resolve(false));
      socket.on('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}

/**
 * Returns the address of a container's server, if possible one that other containers can use too:
 * a tenant moves online between two of them.
 */
async function addressOf(container: StartedTestContainer): Promise<string> {
  const port = container.getMappedPort(5432);
  for (const [host, at] of [
    [container.getIpAddress(container.getNetworkNames()[0] ?? 'bridge'), 5432],
    // For Docker Desktop, whose containers run in a virtual machine.
    ['host.docker.internal', port],
  ] as const) {
    if (await listens(host, at)) {
      return `${host}:${at}`;
    }
  }
  return `${container.getHost()}:${port}`;
}

/** Settings of a server whose data need not survive. Autovacuum would visit the database of every test, again and again. */
const SETTINGS = [
  'max_connections=200',
  'wal_level=logical',
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'autovacuum=off',
  // The embedded server is built without it.
  'jit=off',
];

/** Memory of an engine that has room for the data: every new database is several hundred files. */
const ENOUGH_BYTES = 8 * 1024 ** 3;

async function startInDocker(): Promise<Started> {
  // Loading it takes 250 ms, which most processes of the tests do not need.
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  const image = process.env.TEST_POSTGRES_IMAGE ?? 'postgres:18-alpine';
  const folder = '/koa-tenants-test';
  const server = new GenericContainer(image).withEnvironment({ POSTGRES_PASSWORD: 'postgres' });
  const { info } = await getContainerRuntimeClient();
  if (info.containerRuntime.memory >= ENOUGH_BYTES) {
    server.withTmpFs({ [folder]: 'rw' }).withEnvironment({ PGDATA: `${folder}/data` });
  }
  const container = await server
    .withCommand(['postgres', ...SETTINGS.flatMap((setting) => ['-c', setting])])
    .withExposedPorts(5432)
    // The first message is from the server that only initializes the data.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  const url = `postgres://postgres:postgres@${await addressOf(container)}/postgres`;
  const stop = async (): Promise<void> => {
    await container.stop();
  };
  try {
    await simplifyPasswords(url);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, kind: `${image} in Docker`, stop };
}

async function startEmbedded(settings: Settings = {}): Promise<Started> {
  const { TEST_POSTGRES: choice = '' } = process.env;
  const binaries = /^\d+$/.test(choice) ? await installPostgres(choice) : undefined;
  return { ...(await startEmbeddedServer(settings, binaries)), kind: 'embedded' };
}

async function startChosen(settings: Settings): Promise<Started> {
  const choice = process.env.TEST_POSTGRES ?? '';
  if (Object.keys(settings).length > 0 || /^\d+$/.test(choice)) {
    return startEmbedded(settings);
  }
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
          // For example, an engine without network access to pull the image.
          console.error(`Docker answers, but not with a PostgreSQL: ${(error as Error).message}`);
        }
      }
      return startEmbedded();
    default:
      throw new OperatorError(
        'usage_invalid',
        'TEST_POSTGRES is docker, embedded, a major version, or the URL of a superuser.',
      );
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
 * Starts the PostgreSQL of `TEST_POSTGRES`: `docker`, `embedded`, a major version such as `16`, which is embedded too, or
 * the URL of a superuser. Default: Docker when an engine responds. With `settings` the server is always embedded.
 *
 * A separate process keeps the server, and stops it also when the caller ends without `stop()`,
 * even if killed.
 */
export const startTestServer = (settings: Settings = {}): Promise<TestServer> =>
  startServerProcess(import.meta.filename, [JSON.stringify(settings)]);

async function start(settings: Settings): Promise<ServerProcess> {
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
 * Returns the superuser's URL of the PostgreSQL for tests.
 *
 * The runner sets one for all test files in `TEST_DATABASE_URL`. Otherwise this process starts a
 * server that ends with it.
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
  await runServerProcess(() => start(JSON.parse(process.argv[2] ?? '{}')));
  // A client library may still have handles open.
  process.exit();
}
