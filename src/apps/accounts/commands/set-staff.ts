import type { CliCommand } from '../../../cli/framework/command.ts';
import { databasesOf } from '../../../cli/framework/fleet.ts';
import { ApiError, OperatorError } from '../../../errors.ts';
import { withTenantAsOwner } from '../../../tenancy/context/with-owner-tenant.ts';
import { locateTenant } from '../../../tenancy/registry/locate-tenant.ts';
import { parseSchemaOrSite, SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';

type Options = { schema?: string; username: string; revoke?: true; json?: true };

export const setStaff: CliCommand<Options> = {
  name: 'set-staff',
  summary: 'Make a user staff of one tenant or of the public site, or revoke it.',

  declare: (parser) =>
    parser
      .option('--schema <name>', 'the tenant; default: the public site')
      .requiredOption('--username <name>', 'the user')
      .option('--revoke', 'the user is no longer staff')
      .option('--json', 'print the user as JSON')
      .addHelpText('after', '\nIt applies to the next request of the user. Superusers are always staff.'),

  async run({ schema, username, revoke = false, json }, { config, ownerUrl, print }) {
    const where = parseSchemaOrSite(schema ?? SITE_SCHEMA);
    const { owner } = await locateTenant(databasesOf(await config(), await ownerUrl()), where);
    const user = await withTenantAsOwner(owner, where, async (client) => {
      const { rows } = await client.query<{ username: string; is_superuser: boolean }>(
        `update users
         set is_staff = $2 or is_superuser
         where lower(username) = lower($1)
         returning username, is_superuser`,
        [username, !revoke],
      );
      return rows[0];
    });
    if (!user) {
      throw new ApiError('user_not_found', `Schema "${where}" has no user "${username}".`);
    }
    if (revoke && user.is_superuser) {
      throw new OperatorError('usage_invalid', `${user.username} is a superuser, and superusers are staff.`);
    }
    print(
      json
        ? JSON.stringify({ schema_name: where, username: user.username, is_staff: !revoke })
        : `${user.username} is ${revoke ? 'no longer' : 'now'} staff of ${where === SITE_SCHEMA ? 'the public site' : `schema ${where}`}.`,
    );
  },
};
