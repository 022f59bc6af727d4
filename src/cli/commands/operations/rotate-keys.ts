import { connectionTo } from '../../../db/admin/connection-config.ts';
import { rotateKeys as rotate } from '../../../tenancy/registry/rotate-keys.ts';
import { parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';

type Options = { schema?: string; json?: true };

export const rotateKeys: CliCommand<Options> = {
  name: 'rotate-keys',
  summary: 'Make every token, and every link in a mail, of one tenant or of all worthless at once.',

  declare: (parser) =>
    parser
      .option('--schema <name>', 'only this tenant; "public" for the public site; left out: all')
      .option('--json', 'print the new generations as JSON')
      .addHelpText('after', '\nUsers log in again. Keys of /token/login/ are no tokens: they stay good.'),

  async run({ schema, json }, { ownerUrl, print, note }) {
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
    note(rotated.length === 1 ? '1 tenant.' : `${rotated.length} tenants.`);
  },
};
