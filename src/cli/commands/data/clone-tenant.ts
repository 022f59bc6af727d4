import { chooseDatabase, MAIN } from '../../../tenancy/registry/databases.ts';
import { locateTenant } from '../../../tenancy/registry/locate-tenant.ts';
import { tablesOf } from '../../../tenancy/registry/project.ts';
import { parseDomainName, parseSchemaName, parseTenantName } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';
import { countRows, withTableProgress } from '../../framework/table-progress.ts';

type Options = {
  from: string;
  schema: string;
  domain: readonly string[];
  name?: string;
  data: boolean;
  database: string;
  json?: true;
};

export const cloneTenantCommand: CliCommand<Options> = {
  name: 'clone-tenant',
  summary: 'Create a tenant as a copy of another one, with or without its rows.',
  audited: ({ from, domain, data, database }) => ({ from, domains: domain, data, database }),
  inTenant: false,

  declare: (parser) =>
    parser
      .requiredOption('--from <name>', 'the tenant to copy')
      .requiredOption('--schema <name>', 'schema name of the copy')
      .requiredOption('--domain <host...>', 'domains of the copy; the first is primary')
      .option('--name <text>', "display name of the copy; default: the original's")
      .option('--no-data', 'copy the tables without rows')
      .option('--database <name>', 'database of the tenant: a name in DATABASES', MAIN)
      .option('--json', 'print the result as JSON'),

  async run(
    { from, schema, domain, name, data, database, json },
    { project, config, ownerUrl, print, note, progress },
  ) {
    const request = {
      project,
      from: parseSchemaName(from),
      schema: parseSchemaName(schema),
      name: name === undefined ? null : parseTenantName(name),
      domains: domain.map(parseDomainName),
      data,
      declarations: tablesOf(project),
    };
    const { cloneTenant } = await import('../../../tenancy/transfer/copy/clone-tenant.ts');
    const databases = databasesOf(await config(), await ownerUrl());
    const original = await locateTenant(databases, request.from);
    const cloned = await withTableProgress(progress, `Copying ${from}`, (hooks) =>
      cloneTenant(chooseDatabase(databases, MAIN).owner, original, chooseDatabase(databases, database), {
        ...request,
        ...hooks,
      }),
    );
    const { id, tables, leftOut } = cloned;
    print(
      json
        ? JSON.stringify({ schema, domains: request.domains, ...cloned })
        : `Tenant ${schema} copied from ${from} at ${request.domains.join(', ')} (${id}).`,
    );
    note(data ? `${countRows(tables)}. Tables without rows: ${leftOut.join(', ') || 'none'}.` : 'No rows.');
  },
};
