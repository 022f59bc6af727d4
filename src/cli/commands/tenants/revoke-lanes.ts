import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { revokeForeignRoles } from '../../../tenancy/install/lane-logins.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';

export const revokeLanesCommand: CliCommand<Record<string, never>> = {
  name: 'revoke-lanes',
  summary: 'Remove the logins of lanes from tenants of other lanes, after a change of LANES or LANE_LOGINS.',

  declare: (parser) => parser,

  async run(_options, { config, ownerUrl, print }) {
    let revoked = 0;
    for (const { owner } of Object.values(databasesOf(await config(), await ownerUrl()))) {
      revoked += await withAdminConnection(owner, (client) => revokeForeignRoles(client, null));
    }
    print(`${revoked} memberships were removed.`);
  },
};
