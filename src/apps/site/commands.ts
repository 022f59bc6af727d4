import type { CliCommand } from '../../cli/framework/command.ts';
import { databasesOf } from '../../cli/framework/fleet.ts';
import type { Config } from '../../config/config.ts';
import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import type { AppCommands } from '../../definition/app-commands.ts';
import { OperatorError } from '../../errors.ts';
import { isEmail } from '../../http/fields/email.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import { findTenant } from '../../tenancy/registry/registry.ts';
import { SITE_SCHEMA } from '../../tenancy/registry/tenant.ts';
import type { SiteEnvironment } from './settings.ts';
import { createInvitation } from './sign-up/links.ts';

type Options = { email: string };

const inviteOwner: CliCommand<Options> = {
  name: 'invite-owner',
  summary: 'Print a link with which one address may sign up, once, for seven days. For SIGNUP=invite.',
  inTenant: false,

  declare: (parser) =>
    parser.requiredOption('--email <address>', 'address of the first user of the new tenant'),

  async run({ email }, { config, ownerUrl, print }) {
    if (!isEmail(email)) {
      throw new OperatorError('usage_invalid', `"${email}" is not an e-mail address.`);
    }
    const values = (await config()) as Config & SiteEnvironment;
    if (values.SIGNUP === 'off') {
      throw new OperatorError('precondition_failed', 'SIGNUP is off. Set it to invite or open.');
    }
    const { owner } = chooseDatabase(databasesOf(values, await ownerUrl()), MAIN);
    const site = await withAdminConnection(owner, (client) => findTenant(client, SITE_SCHEMA));
    const secrets = { current: values.APP_SECRET, previous: null };
    const query = new URLSearchParams({ email, invitation: createInvitation(secrets, site, email) });
    const origin =
      values.BASE_DOMAIN === 'localhost'
        ? `http://localhost:${values.PORT}`
        : `https://${values.BASE_DOMAIN}`;
    print(`${origin}/signup?${query}`);
  },
};

export const commands = [inviteOwner] as AppCommands['commands'];
