import { dropRetainedCopies } from '../../../tenancy/lifecycle/drop-retained-copies.ts';
import { parseSchemaName } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';

type Options = { schema?: string; json?: true };

export const dropRetainedCopiesCommand: CliCommand<Options> = {
  name: 'drop-retained-copies',
  summary: 'Drop retained copies of moved tenants that have expired.',

  declare: (parser) =>
    parser
      .option(
        '--schema <name>',
        'drop those of this tenant immediately; default: expired copies of all tenants',
      )
      .option('--json', 'print the dropped copies as JSON'),

  async run({ schema, json }, { config, ownerUrl, print, note }) {
    const selected = schema === undefined ? null : parseSchemaName(schema);
    const dropped = await dropRetainedCopies(databasesOf(await config(), await ownerUrl()), {
      schema: selected,
      now: selected !== null,
    });
    if (json) {
      print(JSON.stringify(dropped));
      return;
    }
    for (const { schema: name, database } of dropped) {
      print(`${name}  dropped from ${database}`);
    }
    note(dropped.length === 0 ? 'Nothing to drop.' : `${dropped.length} dropped.`);
  },
};
