/**
 * Measures what 100 simultaneous logins (20 with --quick) do to other requests:
 *   node bench/concurrent-logins.ts [--quick]
 *
 * One service process with four connections. A user of globex reads one project repeatedly, first
 * alone, then during 100 logins of acme.
 */
import { startMain } from '../test/cli/run.ts';
import { environmentOf, makeUser, PASSWORD, sendRequest } from '../test/helpers/server.ts';
import { bench, median } from './bench.ts';

const QUICK = process.argv.includes('--quick');
const CONCURRENT_LOGINS = QUICK ? 20 : 100;
/** Milliseconds of each half. */
const DURATION = QUICK ? 2_000 : 8_000;

await bench(QUICK ? 'concurrent-logins-quick' : 'concurrent-logins', async (world) => {
  await makeUser(world, 'acme', 'alice');
  await makeUser(world, 'globex', 'hank');
  await world.asOwner(`insert into globex.notes (id, name) values (1, 'weather machine')`);
  const { port, child, ended } = await startMain(environmentOf(world, { LANES: '1', POOL_SIZE: '4' }));
  try {
    const logIn = (host: string, username: string) =>
      sendRequest(port, host, 'POST', '/api/auth/jwt/create/', { body: { username, password: PASSWORD } });
    const { body } = await logIn('globex.localhost', 'hank');

    const read = async (): Promise<number[]> => {
      const times: number[] = [];
      for (const end = performance.now() + DURATION; performance.now() < end; ) {
        const start = performance.now();
        const { status } = await sendRequest(port, 'globex.localhost', 'GET', '/api/notes/1/', {
          token: body.access,
        });
        if (status !== 200) {
          throw new Error(`A read returned status ${status}.`);
        }
        times.push(performance.now() - start);
      }
      return times;
    };

    await read();
    const idle = await read();
    let isRunning = true;
    let done = 0;
    let failed = 0;
    const logins = Array.from({ length: CONCURRENT_LOGINS }, async () => {
      while (isRunning) {
        // On a busy machine, a login may time out or be rejected as overload. These are counted.
        const status = await logIn('acme.localhost', 'alice').then(
          (answer) => answer.status,
          () => null,
        );
        done += status === 200 ? 1 : 0;
        failed += status === 200 ? 0 : 1;
      }
    });
    const underLoad = await read();
    isRunning = false;
    await Promise.all(logins);

    return [
      {
        name: `a read while ${CONCURRENT_LOGINS} log in, against a read alone`,
        value: median(underLoad) / median(idle),
        unit: 'x',
        target: 2,
      },
      { name: 'a read alone', value: median(idle), unit: 'ms', target: null },
      {
        name: `a read while ${CONCURRENT_LOGINS} log in`,
        value: median(underLoad),
        unit: 'ms',
        target: null,
      },
      { name: 'log ins', value: (done * 1000) / DURATION, unit: '/s', target: null },
      { name: 'log ins that failed', value: failed, unit: '', target: null },
    ];
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
});
process.exit();
