import { counted } from '../../../counted.ts';
import { connectionTo } from '../../../db/admin/connection-config.ts';
import { OperatorError } from '../../../errors.ts';
import { rotateKeys as rotate } from '../../../tenancy/registry/rotate-keys.ts';
import { parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';

type Options = { schema?: string; yes?: true; json?: true };

export const rotateKeys: CliCommand<Options> = {
  name: 'rotate-keys',
  summary: 'Revoke every token, and every link in a mail, of one tenant or of all tenants.',
  audited: false,

  declare: (parser) =>
    parser
      .option('--schema <name>', 'only this tenant; site: the public site; default: all tenants')
      .option('--yes', 'skip the confirmation before the keys of all tenants are rotated')
      .option('--json', 'print the new generations as JSON')
      .addHelpText(
        'after',
        '\nUsers must log in again. Keys of /token/login/ are not tokens and remain valid.',
      ),

  async run({ schema, yes, json }, { ownerUrl, print, note, ask }) {
    if (schema === undefined && !yes) {
      const typed = await ask('Every user of every tenant is logged out. Type "all" to continue: ');
      if (typed.trim() !== 'all') {
        throw new OperatorError(
          'usage_invalid',
          'Not confirmed. Nothing was changed. Type "all", use --yes, or select one tenant with --schema.',
        );
      }
    }
    const rotated = await rotate(
      connectionTo(await ownerUrl()),
      schema === undefined ? null : parseSchemaOrSite(schema),
    );
    if (json) {
      print(JSON.stringify(rotated));
      return;
    }
    for (const { schema_name: name, key_generation: generation } of rotated) {
      print(`${name}  generation ${generation}`);
    }
    note(`${counted(rotated.length, 'tenant')}.`);
  },
};
