import { counted } from '../../../counted.ts';
import { withTenantAsOwner } from '../../../tenancy/context/with-owner-tenant.ts';
import { dumpFixture } from '../../../tenancy/fixtures/dump-fixture.ts';
import { findModel } from '../../../tenancy/fixtures/model.ts';
import { locateTenant } from '../../../tenancy/registry/locate-tenant.ts';
import { tablesOf } from '../../../tenancy/registry/project.ts';
import { modelsOf } from '../../../tenancy/registry/table-declarations.ts';
import { parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';

type Options = { schema: string; model?: readonly string[]; json?: true };

export const dumpData: CliCommand<Options> = {
  name: 'dump-data',
  summary: "Print the rows of one tenant as a fixture in Django's format.",

  declare: (parser, project) =>
    parser
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .option('--model <name>', 'only this model; may be repeated', (name, all: readonly string[] = []) => [
        ...all,
        name,
      ])
      .option('--json', 'accepted and ignored: a fixture is JSON')
      .addHelpText(
        'after',
        `\nModels: ${modelsOf(tablesOf(project))
          .map(({ model }) => model)
          .join(', ')}.\nThe rows include password hashes. To dump a whole tenant, use dump-tenant.`,
      ),

  async run({ schema: name, model: names }, { project, config, ownerUrl, print, note }) {
    const schema = parseSchemaOrSite(name);
    const known = modelsOf(tablesOf(project));
    const models = names?.map((name) => findModel(known, name)) ?? known;
    const { owner } = await locateTenant(databasesOf(await config(), await ownerUrl()), schema);
    let count = 0;
    await withTenantAsOwner(
      owner,
      schema,
      async (client) => {
        let before = '[';
        let held: string | null = null;
        for await (const entry of dumpFixture(client, models)) {
          if (held !== null) {
            print(`${before}${held},`);
            before = ' ';
          }
          held = entry;
          count += 1;
        }
        print(held === null ? '[]' : `${before}${held}]`);
      },
      { snapshot: true },
    );
    note(`${counted(count, 'row')} of ${schema}.`);
  },
};
