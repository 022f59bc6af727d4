import pg from 'pg';
import type { DatabasePool } from 'slonik';

import { Connection } from '../../src/db/driver/connection.ts';
import type { PoolSettings } from '../../src/db/pool/pool.ts';
import type { World } from '../helpers/world.ts';

type Rewrite = (text: string) => string;
type AnyConnect = (...args: unknown[]) => unknown;

const tapped = new Map<string, { clients: pg.Client[]; rewrite: Rewrite }>();
const connect = pg.Client.prototype.connect as unknown as AnyConnect;
const { send } = Connection.prototype;

const tapOf = (client: pg.Client) =>
  tapped.get(
    (client as unknown as { connectionParameters: { application_name: string } }).connectionParameters
      .application_name,
  );

Object.assign(pg.Client.prototype, {
  connect(this: pg.Client, ...args: unknown[]): unknown {
    tapOf(this)?.clients.push(this);
    return connect.apply(this, args);
  },
});

Connection.prototype.send = function tappedSend(limits, batches) {
  const { rewrite } = tapOf(this.client) ?? {};
  for (const batch of rewrite ? batches : []) {
    batch.texts = batch.texts.map((text) => rewrite?.(text) ?? text);
  }
  return send.call(this, limits, batches);
};

let count = 0;

/**
 * Opens a pool of the service whose pg clients, below the driver, are in `clients` and send what
 * `rewrite` returns for their texts. Default: one connection.
 */
export async function openTappedPool(
  world: World,
  { rewrite = (text) => text, ...settings }: Partial<PoolSettings> & { rewrite?: Rewrite } = {},
): Promise<{ pool: DatabasePool; clients: readonly pg.Client[] }> {
  count += 1;
  const applicationName = `tapped ${count}`;
  const clients: pg.Client[] = [];
  tapped.set(applicationName, { clients, rewrite });
  return { pool: await world.openPool({ maxPoolSize: 1, ...settings, applicationName }), clients };
}
