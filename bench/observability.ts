/**
 * Measures the cost of logs and metrics for a request:
 *   node bench/observability.ts
 *
 * GET /api/notes/1/ of a process with logs and metrics, compared with one without. Both sides alternate
 * in short blocks, and the medians are compared.
 */
import { Agent } from 'node:http';

import { startMain } from '../test/cli/run.ts';
import { environmentOf, logInAt, makeUser, sendRequest } from '../test/helpers/server.ts';
import type { World } from '../test/helpers/world.ts';
import { alternate } from './alternate.ts';
import { bench, type Figure } from './bench.ts';

const BLOCKS = 60;
const REQUESTS = 100;
const QUIET = { LOG_LEVEL: 'silent' };
const OBSERVED = { LOG_LEVEL: 'info', METRICS_PORT: '0' };

async function requests(world: World): Promise<Figure[]> {
  await makeUser(world, 'acme', 'ann');
  const services = await Promise.all(
    [OBSERVED, QUIET].map((settings) => startMain(environmentOf(world, settings))),
  );
  try {
    const [observed = 0, quiet = 0] = await alternate(
      BLOCKS,
      ...(await Promise.all(
        services.map(async ({ port, lines }) => {
          const token = await logInAt(port, 'acme.localhost', 'ann');
          const agent = new Agent({ keepAlive: true });
          return async (): Promise<void> => {
            for (let at = 0; at < REQUESTS; at += 1) {
              const { status, text } = await sendRequest(port, 'acme.localhost', 'GET', '/api/notes/1/', {
                token,
                agent,
              });
              if (status !== 200) {
                throw new Error(`A read returned status ${status}: ${text}`);
              }
            }
            // The helper keeps them for tests.
            lines.length = 0;
          };
        }),
      )),
    );
    return [
      {
        name: 'a request that is logged and counted, against one that is not',
        value: observed / quiet,
        unit: 'x',
        target: null,
      },
      { name: 'a request that is logged and counted', value: observed / REQUESTS, unit: 'ms', target: null },
    ];
  } finally {
    for (const { child, ended } of services) {
      child.kill('SIGTERM');
      await ended;
    }
  }
}

await bench('observability', requests);
