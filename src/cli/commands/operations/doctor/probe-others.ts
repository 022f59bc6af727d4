import { lookup } from 'node:dns/promises';
import { createTransport } from 'nodemailer';

import type { Config } from '../../../../config/config.ts';
import { openThrottleStore } from '../../../../http/rate-limit/throttle-store.ts';
import { PATIENCE, type Probe, probe } from './probe.ts';

async function describeSmtp(url: string): Promise<string> {
  const transport = createTransport({
    url,
    connectionTimeout: PATIENCE,
    greetingTimeout: PATIENCE,
    socketTimeout: PATIENCE,
  });
  try {
    await transport.verify();
    return 'takes mail from us; none was sent';
  } finally {
    transport.close();
  }
}

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
    // With no insurance, so that it is the store that answers.
    Object.assign(limiter, { insuranceLimiter: undefined });
    // A client that connects says so a moment later.
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

/** What stands around the databases: mail, the store of attempts, names in DNS. */
export async function probeOthers(config: Config): Promise<readonly Probe[]> {
  const { SMTP_URL, THROTTLE_STORE, THROTTLE_STORE_TIMEOUT, BASE_DOMAIN } = config;
  const probes: Array<Promise<Probe>> = [];
  if (SMTP_URL) {
    probes.push(probe('SMTP_URL', () => describeSmtp(SMTP_URL)));
  }
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
