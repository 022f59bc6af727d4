import { connectionTo, loginOf } from '../db/connection.ts';
import { withOwner } from '../db/owner-client.ts';
import { type DriftReport, findDrift } from '../tenancy/drift.ts';
import type { CliDeps } from './command.ts';

/** Tenants that are named; of more, the number. */
export const NAMED = 20;

/** Compares one tenant, or all, with one migrated afresh. */
export async function checkDrift(
  { config, ownerUrl }: CliDeps,
  schema: string | null = null,
): Promise<DriftReport> {
  const service = loginOf((await config()).DATABASE_URL).user;
  return withOwner(connectionTo(await ownerUrl()), (client) => findDrift(client, service, { schema }));
}

/** A line a difference. */
export function printDrift({ drift, others }: DriftReport, { print, red, note }: CliDeps): void {
  for (const { schema, differences } of drift) {
    for (const difference of differences) {
      print(`${red('drift')}   ${schema}   ${difference}`);
    }
  }
  if (others.length > 0) {
    const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : '';
    note(
      `Not compared, since other migrations are applied there than the code has: ${others.slice(0, NAMED).join(', ')}${more}.`,
    );
  }
}
