import type { CliCommand } from '../../../cli/framework/command.ts';
import { databasesOf } from '../../../cli/framework/fleet.ts';
import { OperatorError } from '../../../errors.ts';
import { locateTenant } from '../../../tenancy/registry/locate-tenant.ts';
import { parseSchemaOrSite, SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';

type Options = { schema?: string; username?: string; email?: string };

export const createSuperuser: CliCommand<Options> = {
  name: 'create-superuser',
  summary: 'Create a superuser of one tenant, or an operator of the public site.',
  audited: ({ username = null }) => ({ username }),

  declare: (parser) =>
    parser
      .option('--schema <name>', 'the tenant; default: the public site')
      .option('--username <name>', 'username; default: prompt')
      .option('--email <address>', 'optional')
      .addHelpText(
        'after',
        '\nThe command prompts for the password, or reads it from standard input. Passwords are never arguments.',
      ),

  async run({ schema, username, email }, { config, ownerUrl, ask, print }) {
    const where = parseSchemaOrSite(schema ?? SITE_SCHEMA);
    const { addUser, assertTypedPassword, configuredCost, parseEmail } = await import('./accounts.ts');
    const address = parseEmail(email);
    const name = (username ?? (await ask('Username: '))).trim();
    const password = await ask('Password: ', { secret: true });
    if (name === '') {
      throw new OperatorError('usage_invalid', 'A superuser needs a username: --username.');
    }
    const user = { username: name, email: address, password, isSuperuser: true };
    await assertTypedPassword(password, user);
    const configured = await config();
    const { owner } = await locateTenant(databasesOf(configured, await ownerUrl()), where);
    await addUser(owner, where, user, configuredCost(configured));
    print(`Superuser ${name} created in ${where === SITE_SCHEMA ? 'the public site' : `schema ${where}`}.`);
  },
};
