import { lookup } from 'node:dns/promises';

import type { Config } from '../../../../config/config.ts';
import type { AppDiagnosis } from '../../../../definition/app-commands.ts';
import { openThrottleStore } from '../../../../http/rate-limit/throttle-store.ts';
import { type Probe, probe } from './probe.ts';

async function describeStore(url: string, timeout: number): Promise<string> {
  let fault: Error | null = null;
  const store = await openThrottleStore(url, {
    timeout,
    onError: (error) => {
      fault ??= error;
    },
  });
  try {
    const limiter = store.limiter({ keyPrefix: 'koa-tenants-doctor', points: 1, duration: 1 });
    // Without the fallback in memory, so that the store itself is tested.
    Object.assign(limiter, { insuranceLimiter: undefined });
    // The client becomes ready shortly after it is created.
    for (let tries = 0; ; tries += 1) {
      try {
        await limiter.get('any');
        return 'counts';
      } catch (error) {
        if (tries === 20) {
          throw fault ?? error;
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  } finally {
    await store.close();
  }
}

/** Probes the services other than databases: the store of attempts, DNS, and the probes of apps. */
export async function probeOthers(config: Config, ofApps: AppDiagnosis['probes']): Promise<readonly Probe[]> {
  const { THROTTLE_STORE, THROTTLE_STORE_TIMEOUT, BASE_DOMAIN } = config;
  const probes: Array<Promise<Probe>> = ofApps.map(({ what, find }) => probe(what, find));
  if (THROTTLE_STORE) {
    probes.push(probe('THROTTLE_STORE', () => describeStore(THROTTLE_STORE, THROTTLE_STORE_TIMEOUT)));
  }
  if (BASE_DOMAIN !== 'localhost') {
    for (const name of [BASE_DOMAIN, `any-tenant.${BASE_DOMAIN}`]) {
      probes.push(probe(`DNS of ${name}`, async () => (await lookup(name)).address));
    }
  }
  return Promise.all(probes);
}
