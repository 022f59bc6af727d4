import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import type { TenantId } from '../registry/tenant.ts';
import type { Directory } from './directory.ts';

/** Milliseconds between two heartbeats, which detect a half-open socket. */
const HEARTBEAT = 20_000;

export type InvalidationListener = Readonly<{ close: () => Promise<void> }>;

/**
 * Listens for changes made by other processes, and deletes the changed tenants from the directory.
 *
 * Uses a direct connection, because notifications do not arrive through a pooler in transaction mode,
 * and reconnects when it is lost. Until then cached entries expire by their TTL. A forged
 * payload grants no access: it causes a lookup, or holds a tenant's requests until the first check
 * finds the tenant open.
 */
export function listenForInvalidations({
  connection,
  directory,
  onMoving = () => {},
  onTenant = () => {},
  onFollowing = () => {},
  onLost,
}: {
  connection: pg.ClientConfig;
  directory: Pick<Directory, 'invalidateTenant' | 'invalidateHost' | 'invalidateAll'>;
  /** Called when a tenant has changed or may have changed. */
  onTenant?: (tenant: TenantId) => void;
  /** Called when a tenant is about to be locked, with the maximum duration in seconds. */
  onMoving?: (tenant: TenantId, seconds: number) => void;
  /** Called when the listener has connected, also after a reconnect. No change is missed from then on. */
  onFollowing?: () => void;
  onLost: (error: Error) => void;
}): InvalidationListener {
  const closing = new AbortController();

  const follow = async (): Promise<never> => {
    const client = new pg.Client({ ...connection, application_name: 'koa-tenants listen', keepAlive: true });
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => {});
    client.on('error', lost.reject);
    client.on('end', () => lost.reject(new Error('The listening connection was closed.')));
    client.on('notification', ({ payload = '' }) => {
      if (payload.startsWith('host:')) {
        directory.invalidateHost(payload.slice('host:'.length));
      } else if (payload.startsWith('moving:')) {
        const [, id, seconds] = payload.split(':');
        onMoving(id as TenantId, Number(seconds) || 0);
      } else {
        directory.invalidateTenant(payload);
        onTenant(payload as TenantId);
      }
    });
    const stop = () => lost.reject(new Error('closing'));
    closing.signal.addEventListener('abort', stop);
    try {
      await client.connect();
      await client.query('listen koa_tenants');
      directory.invalidateAll();
      onFollowing();
      for (;;) {
        await Promise.race([lost.promise, wait(HEARTBEAT, null, { ref: false, signal: closing.signal })]);
        await Promise.race([lost.promise, client.query('select')]);
      }
    } finally {
      closing.signal.removeEventListener('abort', stop);
      await Promise.race([client.end().catch(() => {}), wait(1_000, null, { ref: false })]);
    }
  };

  const keepFollowing = async (): Promise<void> => {
    for (let pause = 250; !closing.signal.aborted; pause = Math.min(pause * 2, 10_000)) {
      const started = Date.now();
      await follow().catch((error: Error) => {
        if (!closing.signal.aborted) {
          onLost(error);
        }
      });
      pause = Date.now() - started > HEARTBEAT ? 250 : pause;
      await wait(pause, null, { ref: false, signal: closing.signal }).catch(() => {});
    }
  };

  const done = keepFollowing();
  return {
    close: async () => {
      closing.abort();
      await done;
    },
  };
}
