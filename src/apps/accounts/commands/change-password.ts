import type { CliCommand } from '../../../cli/framework/command.ts';
import { databasesOf } from '../../../cli/framework/fleet.ts';
import { OperatorError } from '../../../errors.ts';
import { locateTenant } from '../../../tenancy/registry/locate-tenant.ts';
import { parseSchemaOrSite, SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';

type Options = { schema?: string; username?: string; json?: true };

export const changePassword: CliCommand<Options> = {
  name: 'change-password',
  summary: "Replace a user's password and end every session of the user.",
  audited: ({ username = null }) => ({ username }),

  declare: (parser) =>
    parser
      .option('--schema <name>', 'the tenant; default: the public site')
      .option('--username <name>', 'username; default: prompt')
      .option('--json', 'print the user as JSON')
      .addHelpText(
        'after',
        '\nThe command prompts for the password, or reads it from standard input. Passwords are never arguments.',
      ),

  async run({ schema, username, json }, { config, ownerUrl, ask, print }) {
    const where = parseSchemaOrSite(schema ?? SITE_SCHEMA);
    const name = (username ?? (await ask('Username: '))).trim();
    const password = await ask('New password: ', { secret: true });
    if (name === '') {
      throw new OperatorError('usage_invalid', 'Name the user with --username.');
    }
    const { configuredCost, replacePassword } = await import('./accounts.ts');
    const configured = await config();
    const { owner } = await locateTenant(databasesOf(configured, await ownerUrl()), where);
    await replacePassword(owner, where, {
      username: name,
      password,
      cost: configuredCost(configured),
    });
    print(
      json
        ? JSON.stringify({ schema_name: where, username: name })
        : `The password of ${name} was changed, and every session has ended.`,
    );
  },
};
