import { setTimeout as wait } from 'node:timers/promises';

import type { Service } from './service.ts';

/** Milliseconds for closing pools and mail after the last response. */
const CLEANUP = 2_000;

/**
 * Stops a service without failed requests, and returns the exit code: 0, or 1 when requests were
 * aborted or a resource did not close in time.
 *
 * For `delay` seconds it continues to serve while `/readyz` is 503, so that a load balancer
 * removes it before connections are refused. Requests in progress then have `grace` seconds.
 * `stopNow` ends it immediately. With `quietly`, `/readyz` does not change: another process serves
 * on the same port.
 */
export async function shutDown(
  service: Pick<Service, 'drain' | 'requestsInProgress' | 'close'>,
  {
    delay,
    grace,
    stopNow,
    quietly = false,
  }: { delay: number; grace: number; stopNow: Promise<void>; quietly?: boolean },
  warn: (message: string, facts: Record<string, unknown>) => void,
): Promise<0 | 1> {
  const hard = (reason: string) => (): 1 => {
    warn('exiting before shutdown is complete', { reason, requests: service.requestsInProgress() });
    return 1;
  };
  const softly = async (): Promise<0 | 1> => {
    service.drain({ quietly });
    await wait(delay * 1000);
    return (await service.close()) === 0 ? 0 : 1;
  };
  return Promise.race([
    softly(),
    stopNow.then(hard('second signal')),
    wait((delay + grace) * 1000 + CLEANUP, null, { ref: false }).then(hard('shutdown timed out')),
  ]);
}
