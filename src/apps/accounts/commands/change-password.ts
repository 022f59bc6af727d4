import type { CliCommand } from '../../../cli/framework/command.ts';
import { databasesOf } from '../../../cli/framework/fleet.ts';
import { DomainError } from '../../../errors.ts';
import { locateTenant } from '../../../tenancy/registry/locate-tenant.ts';
import { parseSchemaOrSite, SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';
import { replacePassword } from './accounts.ts';

type Options = { schema?: string; username?: string; json?: true };

export const changePassword: CliCommand<Options> = {
  name: 'change-password',
  summary: 'Give a user another password, and end every session of theirs.',

  declare: (parser) =>
    parser
      .option('--schema <name>', 'the tenant; left out: the public site')
      .option('--username <name>', 'asked for when left out')
      .option('--json', 'print the user as JSON')
      .addHelpText('after', '\nThe password is asked for, or read from standard input; never an argument.'),

  async run({ schema, username, json }, { config, ownerUrl, ask, print }) {
    const where = parseSchemaOrSite(schema ?? SITE_SCHEMA);
    const name = (username ?? (await ask('Username: '))).trim();
    const password = await ask('New password: ', { secret: true });
    if (name === '') {
      throw new DomainError('usage_invalid', 'Whose password? --username says it.');
    }
    const { owner } = await locateTenant(databasesOf(await config(), await ownerUrl()), where);
    await replacePassword(owner, where, { username: name, password });
    print(
      json
        ? JSON.stringify({ schema_name: where, username: name })
        : `The password of ${name} was changed, and every session has ended.`,
    );
  },
};
