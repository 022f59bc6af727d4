import type pg from 'pg';
import { sql } from 'slonik';
import { z } from 'zod';

import type { TenantTransaction } from '../../tenancy/context/with-tenant.ts';

const nothing = z.object({});

/** Stores a signed event, once. */
export async function storeEvent(
  tx: TenantTransaction,
  { id, payload, signature }: Readonly<{ id: string; payload: string; signature: string }>,
): Promise<void> {
  await tx.query(sql.type(nothing)`
    insert into stripe_events (id, payload, signature)
    values (${id}, ${payload}, ${signature})
    on conflict on constraint stripe_events_pkey do nothing
  `);
}

export type WaitingEvent = Readonly<{ id: string; payload: string; signature: string; isOld: boolean }>;

/** Days for which an event of an unknown customer waits, and for which ids of events are kept. */
const DAYS = 30;

/**
 * Takes the oldest event that is due, for a time that doubles with each attempt, up to an hour. Deletes old ones.
 */
export async function takeEvent(client: pg.ClientBase): Promise<WaitingEvent | undefined> {
  await client.query(
    `delete from stripe_events as e
     where e.received_at < now() - make_interval(days => $1)
       and e.state <> 'waiting'`,
    [2 * DAYS],
  );
  const { rows } = await client.query<WaitingEvent>(
    `update stripe_events as e
     set
       attempts = e.attempts + 1,
       due_at = clock_timestamp() + make_interval(secs => least(3600, 30 * 2 ^ least(e.attempts, 8)))
     where e.id = (
       select w.id
       from stripe_events as w
       where w.state = 'waiting'
         and w.due_at <= clock_timestamp()
       order by w.due_at, w.received_at, w.id
       limit 1
       for update skip locked
     )
     returning
       e.id,
       e.payload,
       e.signature,
       e.received_at < now() - make_interval(days => $1) as "isOld"`,
    [DAYS],
  );
  return rows[0];
}

/** Ends the processing of an event, and deletes its content. */
export async function finishEvent(
  client: pg.ClientBase,
  id: string,
  state: 'done' | 'rejected' | 'expired',
): Promise<void> {
  await client.query(
    `update stripe_events as e
     set state = $2, payload = null, signature = null
     where e.id = $1`,
    [id, state],
  );
}
