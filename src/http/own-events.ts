import { sql } from 'slonik';
import { z } from 'zod';

import type { Context } from './state.ts';

/** The values of an event: fields by name. Never secrets. */
export type EventValues = Readonly<Record<string, unknown>> | null;

/** An event of a tenant's own audit. */
export type OwnEvent = Readonly<{
  /** Lowercase words with hyphens, such as `change-row`. */
  action: string;
  /** Name of the user. */
  actor: string;
  before: EventValues;
  after: EventValues;
}>;

const recorded = z.object({ record_own_event: z.unknown() });

/**
 * Adds an event to the audit of the current tenant, in the transaction of the request.
 *
 * An event has at most 65,536 characters. The client receives 429 `throttled` for more than 1,000 events or 2 MiB of a
 * tenant per minute.
 */
export async function recordOwnEvent(
  { ip, state: { tx } }: Pick<Context, 'ip' | 'state'>,
  { action, actor, before, after }: OwnEvent,
): Promise<void> {
  const json = (values: EventValues): string | null => values && JSON.stringify(values);
  await tx.query(sql.type(recorded)`
    select tenancy.record_own_event(
      ${action},
      ${json(before)}::jsonb,
      ${json(after)}::jsonb,
      ${actor},
      ${ip}
    )
  `);
}
