/**
 * Measures whether the response time reveals if an account exists:
 *   node bench/login-oracle.ts
 *
 * Requests alternate, so that the machine's drift affects both. The medians are compared.
 */
import { makeUser, serve } from '../test/helpers/server.ts';
import { bench, type Figure, median } from './bench.ts';

const ROUNDS = 150;

await bench('login-oracle', async (world) => {
  await makeUser(world, 'acme', 'alice');
  await makeUser(world, 'acme', 'sleeper');
  await world.asOwner(
    `update acme.users set is_active = false, awaits_activation = true where username = 'sleeper'`,
  );
  const service = await serve(world, { SEND_ACTIVATION_EMAIL: 'true' });

  const time = async (path: string, body: object): Promise<number> => {
    const start = performance.now();
    await service.request('acme.localhost', 'POST', `/api/auth/${path}/`, { body });
    return performance.now() - start;
  };

  /** Compares the median time for an existing account with that for an unknown one. */
  const compare = async (name: string, existing: () => Promise<number>, unknown: () => Promise<number>) => {
    const times: { existing: number[]; unknown: number[] } = { existing: [], unknown: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      times.existing.push(await existing());
      times.unknown.push(await unknown());
    }
    const ratio = median(times.existing) / median(times.unknown);
    return [
      { name: `${name}: existing against unknown account`, value: ratio, unit: 'x', target: 1.1 },
      {
        name: `${name}: existing against unknown account, at least`,
        value: ratio,
        unit: 'x',
        target: 0.9,
        atLeast: true,
      },
      { name: `${name}: unknown account`, value: median(times.unknown), unit: 'ms', target: null },
    ] as const satisfies readonly Figure[];
  };

  try {
    const password = 'not the right one';
    const statistics: Figure[] = [];
    for (const path of ['jwt/create', 'token/login']) {
      statistics.push(
        ...(await compare(
          `${path} with a wrong password`,
          () => time(path, { username: 'alice', password }),
          () => time(path, { username: 'nobody', password }),
        )),
      );
    }
    for (const [path, email] of [
      ['users/reset_password', 'alice@example.com'],
      ['users/reset_username', 'alice@example.com'],
      ['users/resend_activation', 'sleeper@example.com'],
    ] as const) {
      statistics.push(
        ...(await compare(
          path,
          () => time(path, { email }),
          () => time(path, { email: 'nobody@example.com' }),
        )),
      );
    }
    return statistics;
  } finally {
    await service.close();
  }
});
