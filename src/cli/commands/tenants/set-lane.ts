import { OperatorError } from '../../../errors.ts';
import { setLane } from '../../../tenancy/lifecycle/set-lane.ts';
import { parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';
import { integerOption } from '../../framework/integer-option.ts';

type Options = { schema: string; lane?: number; shared?: true; waitSeconds?: number };

/** Seconds for requests that wait for a connection, in addition to DIRECTORY_TTL. */
const MARGIN_SECONDS = 10;

export const setLaneCommand: CliCommand<Options> = {
  name: 'set-lane',
  summary: 'Pin a tenant to a pool shard with its own login, or end that, while it is served.',
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .option('--lane <n>', 'number of the lane, from 0, in the order of LANE_LOGINS', integerOption(0, 63))
      .option('--shared', 'one of the shared lanes, by a hash of the id')
      .option(
        '--wait-seconds <n>',
        'seconds until the former login loses the role. Default: DIRECTORY_TTL + 10',
        integerOption(0, 3_600),
      ),

  async run({ schema: text, lane, shared, waitSeconds }, { config, ownerUrl, print, note }) {
    if ((lane === undefined) === (shared === undefined)) {
      throw new OperatorError('usage_invalid', 'Either --lane or --shared is required.');
    }
    const schema = parseSchemaOrSite(text);
    const settings = await config();
    // A process that lost its notifications uses the old lane until then.
    const seconds = waitSeconds ?? settings.DIRECTORY_TTL + MARGIN_SECONDS;
    await setLane(databasesOf(settings, await ownerUrl()), {
      schema,
      lane: lane ?? null,
      waitMs: seconds * 1000,
      onPinned: () =>
        note(
          `The former login keeps the tenant's role for ${seconds} s, until every process uses the new lane.`,
        ),
    });
    print(
      lane === undefined
        ? `Tenant ${schema} is now on a shared lane.`
        : `Tenant ${schema} is now on lane ${lane}, and no other login of a lane may become it.`,
    );
  },
};
