import type { CliCommand } from '../../../cli/framework/command.ts';
import { databasesOf } from '../../../cli/framework/fleet.ts';
import { OperatorError } from '../../../errors.ts';
import { locateTenant } from '../../../tenancy/registry/locate-tenant.ts';
import { parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import { changePermissions } from '../permissions/change-permissions.ts';

type Options = { schema?: string; username?: string; grant?: string[]; revoke?: string[]; json?: true };

const collect = (value: string, before: string[] = []): string[] => [...before, value];

export const permissionsCommand: CliCommand<Options> = {
  name: 'permissions',
  summary: 'List the permissions that apps declare, or show, grant and revoke those of a user.',
  audited: ({ username = null, grant = [], revoke = [] }) =>
    grant.length + revoke.length === 0 ? null : { username, grant, revoke },

  declare: (parser) =>
    parser
      .option('--schema <name>', 'the tenant of the user; site: the public site')
      .option('--username <name>', 'the user')
      .option('--grant <name>', 'grant a permission, such as notes.publish; repeatable', collect)
      .option('--revoke <name>', 'revoke a permission; repeatable', collect)
      .option('--json', 'print JSON'),

  async run({ schema, username, grant = [], revoke = [], json }, { project, config, ownerUrl, print }) {
    if (schema === undefined && username === undefined && grant.length + revoke.length === 0) {
      const declared = project.apps.flatMap(({ permissions }) => Object.entries(permissions));
      if (json) {
        print(JSON.stringify(Object.fromEntries(declared)));
        return;
      }
      print(
        declared.map(([name, description]) => `${name}  ${description}`).join('\n') ||
          'No app declares permissions.',
      );
      return;
    }
    if (schema === undefined || username === undefined) {
      throw new OperatorError('usage_invalid', 'Name the tenant and the user: --schema and --username.');
    }
    const both = grant.find((name) => revoke.includes(name));
    if (both !== undefined) {
      throw new OperatorError('usage_invalid', `"${both}" cannot be granted and revoked in one command.`);
    }
    const where = parseSchemaOrSite(schema);
    const { owner } = await locateTenant(databasesOf(await config(), await ownerUrl()), where);
    const user = await changePermissions(owner, where, project, { username, grant, revoke });
    print(
      json
        ? JSON.stringify({
            schema_name: where,
            username: user.username,
            is_superuser: user.isSuperuser,
            permissions: user.permissions,
          })
        : [
            ...(user.isSuperuser ? [`${user.username} is a superuser, and has all permissions.`] : []),
            ...(user.permissions.length > 0 ? user.permissions : ['No permissions.']),
          ].join('\n'),
    );
  },
};
