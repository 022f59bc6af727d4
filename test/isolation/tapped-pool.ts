import pg from 'pg';
import type { DatabasePool } from 'slonik';

import { Batch } from '../../src/db/driver/batch.ts';
import type { PoolSettings } from '../../src/db/pool/pool.ts';
import type { World } from '../helpers/world.ts';

type Rewrite = (text: string) => string;
type AnyConnect = (...args: unknown[]) => unknown;
type AnyQuery = (config: unknown, ...rest: unknown[]) => unknown;

const tapped = new Map<string, { clients: pg.Client[]; rewrite: Rewrite }>();
const connect = pg.Client.prototype.connect as unknown as AnyConnect;
const query = pg.Client.prototype.query as unknown as AnyQuery;

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
  query(this: pg.Client, config: unknown, ...rest: unknown[]): unknown {
    const rewrite = tapOf(this)?.rewrite;
    if (!rewrite) {
      return query.call(this, config, ...rest);
    }
    if (config instanceof Batch) {
      config.texts = config.texts.map(rewrite);
      return query.call(this, config, ...rest);
    }
    return typeof config === 'string'
      ? query.call(this, rewrite(config), ...rest)
      : query.call(
          this,
          { ...(config as pg.QueryConfig), text: rewrite((config as pg.QueryConfig).text) },
          ...rest,
        );
  },
});

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
