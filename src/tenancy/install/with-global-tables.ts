import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { ENTER_GLOBAL } from './global-migrations.ts';

/**
 * Runs `work` in a transaction of the migrating login that may write the global tables: for commands of an app that
 * load their rows. Tables are named without their schema.
 */
export const withGlobalTables = <T>(
  owner: pg.ClientConfig,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> =>
  withAdminConnection(owner, async (client) => {
    await client.query(ENTER_GLOBAL);
    return work(client);
  });
