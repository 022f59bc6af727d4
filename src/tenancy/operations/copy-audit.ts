import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';

/**
 * Copies events of the audit between main and a further database: those of its tenants to it, and those that its
 * tenants have added to main. Returns the number of copied events. Repeating it copies nothing.
 */
export async function copyAudit(
  main: pg.ClientConfig,
  other: pg.ClientConfig,
  database: string,
): Promise<number> {
  const one = async (
    client: pg.ClientBase,
    text: string,
    values: readonly unknown[] = [],
  ): Promise<unknown> =>
    (await client.query<{ value: unknown }>(`select ${text} as value`, [...values])).rows[0]?.value;
  const add = async (client: pg.ClientBase, events: unknown): Promise<number> =>
    Number(await one(client, 'tenancy.add_events($1)', [JSON.stringify(events)]));

  return withAdminConnection(main, (registry) =>
    withAdminConnection(other, async (client) => {
      const state = JSON.stringify(await one(client, 'tenancy.audit_state()'));
      const given = await one(registry, 'tenancy.events_for($1, $2)', [database, state]);
      const last = await one(registry, 'tenancy.last_event_from($1)', [database]);
      const taken = await one(client, 'tenancy.events_of_tenants($1)', [last]);
      return (await add(client, given)) + (await add(registry, taken));
    }),
  );
}
