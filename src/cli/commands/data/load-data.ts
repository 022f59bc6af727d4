import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';

import { OperatorError } from '../../../errors.ts';
import { withTenantAsOwner } from '../../../tenancy/context/with-owner-tenant.ts';
import { locateTenant } from '../../../tenancy/registry/locate-tenant.ts';
import { permissionsOf, tablesOf } from '../../../tenancy/registry/project.ts';
import { modelsOf } from '../../../tenancy/registry/table-declarations.ts';
import { parseSchemaOrSite } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand, CliDeps } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';

type Options = { schema: string; json?: true };

/**
 * Reads a fixture file or standard input.
 *
 * @throws OperatorError `usage_invalid` for a file that cannot be read or is not UTF-8
 */
async function read(file: string, { stdio }: Pick<CliDeps, 'stdio'>): Promise<string> {
  const bytes = file === '-' ? await buffer(stdio.input) : await readBytes(file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new OperatorError(
      'usage_invalid',
      `${file === '-' ? 'Standard input' : `The file ${file}`} is not UTF-8.`,
    );
  }
}

async function readBytes(file: string): Promise<Buffer> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new OperatorError(
      'usage_invalid',
      `The file ${file} cannot be read: ${error.code === 'ENOENT' ? 'it does not exist' : (error.code ?? error.message)}.`,
    );
  });
}

export const loadData: CliCommand<Options> = {
  name: 'load-data',
  summary: "Load a fixture in Django's format into one tenant, in one transaction.",

  declare: (parser, project) =>
    parser
      .argument('<file>', 'for example fixtures/demo.json; - for standard input')
      .requiredOption('--schema <name>', 'the tenant; site: the public site')
      .option('--json', 'print the number of rows of each model as JSON')
      .addHelpText(
        'after',
        `\nModels: ${modelsOf(tablesOf(project))
          .map(({ model }) => model)
          .join(', ')}.`,
      ),

  async run({ schema: name, json }, deps, [file = '-']) {
    const [{ loadFixture }, { parseFixture }] = await Promise.all([
      import('../../../tenancy/fixtures/load-fixture.ts'),
      import('../../../tenancy/fixtures/parse-fixture.ts'),
    ]);
    const schema = parseSchemaOrSite(name);
    const models = modelsOf(tablesOf(deps.project));
    const entries = parseFixture(await read(file, deps));
    const { owner } = await locateTenant(databasesOf(await deps.config(), await deps.ownerUrl()), schema);
    const counts = await withTenantAsOwner(owner, schema, (client) =>
      loadFixture(client, entries, models, Object.keys(permissionsOf(deps.project))),
    );
    deps.print(
      json
        ? JSON.stringify({ schema_name: schema, loaded: Object.fromEntries(counts) })
        : `Loaded into ${schema}: ${[...counts].map(([model, count]) => `${count} ${model}`).join(', ') || 'nothing'}.`,
    );
  },
};
