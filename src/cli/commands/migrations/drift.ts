import type { DriftReport } from '../../../tenancy/fleet/drift.ts';
import { findFleetDrift } from '../../../tenancy/fleet/fleet-drift.ts';
import type { CliDeps } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';

/** Maximum tenants that are listed by name. Further ones are counted. */
export const NAMED = 20;

/** Returns the drift of one tenant, or of all. */
export const checkDrift = async (
  { project, config, ownerUrl }: CliDeps,
  schema: string | null = null,
): Promise<DriftReport> => findFleetDrift(project, databasesOf(await config(), await ownerUrl()), schema);

/** Prints one line for each difference. */
export function printDrift({ drift, others }: DriftReport, { print, red, note }: CliDeps): void {
  for (const { schema, differences } of drift) {
    for (const difference of differences) {
      print(`${red('drift')}   ${schema}   ${difference}`);
    }
  }
  if (others.length > 0) {
    const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : '';
    note(
      `Not compared, because their applied migrations differ from the code's: ${others.slice(0, NAMED).join(', ')}${more}.`,
    );
  }
}
