import pg from 'pg';
import { sql } from 'slonik';
import { z } from 'zod';

import type { Finding, Query } from '../../../src/db/checks.ts';
import type { World } from '../../helpers/world.ts';

export const queryOf =
  (client: pg.ClientBase): Query =>
  async (text) =>
    (await client.query(text)).rows;

/** Queries as the service sends them: through its pool, our driver and the statement wall. */
export const queryOfPool =
  ({ pool }: World): Query =>
  (text) =>
    pool.any({ ...sql.type(z.record(z.string(), z.unknown()))`select`, sql: text });

export async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Runs `work` in a transaction of the superuser that is rolled back. */
export const undone = <T>(world: World, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  connected(world.ownerUrl, async (client) => {
    await client.query('begin');
    return work(client);
  });

export const describe = (findings: readonly Finding[]): string[] =>
  findings.map(({ check, object, fault }) => `${check}: ${object} ${fault}`);
