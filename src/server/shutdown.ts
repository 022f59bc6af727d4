import { setTimeout as wait } from 'node:timers/promises';

import type { Service } from './service.ts';

/** Milliseconds that pools and mail have when the last request is answered or cut. */
const CLEANUP = 2_000;

/**
 * Ends a service so that no client notices, and answers the exit code: 0, or 1
 * when requests were cut or something did not end in time.
 *
 * For `delay` seconds it serves on while `/readyz` is a 503, so that a balancer
 * looks elsewhere before connections are refused; from then on requests under way
 * have `grace` seconds. `hurry` ends it at once. With `quietly`, `/readyz` stays as
 * it is: another process serves on the same port.
 */
export async function shutDown(
  service: Pick<Service, 'drain' | 'underWay' | 'close'>,
  {
    delay,
    grace,
    hurry,
    quietly = false,
  }: { delay: number; grace: number; hurry: Promise<void>; quietly?: boolean },
  warn: (message: string, facts: Record<string, unknown>) => void,
): Promise<0 | 1> {
  const hard = (reason: string) => (): 1 => {
    warn('stopped hard', { reason, requests: service.underWay() });
    return 1;
  };
  const softly = async (): Promise<0 | 1> => {
    service.drain({ quietly });
    await wait(delay * 1000);
    return (await service.close()) === 0 ? 0 : 1;
  };
  return Promise.race([
    softly(),
    hurry.then(hard('a second signal')),
    wait((delay + grace) * 1000 + CLEANUP, null, { ref: false }).then(hard('something did not end in time')),
  ]);
}
