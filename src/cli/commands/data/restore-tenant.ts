import { chooseDatabase, MAIN } from '../../../tenancy/registry/databases.ts';
import { tablesOf } from '../../../tenancy/registry/project.ts';
import { parseDomainName, parseSchemaName } from '../../../tenancy/registry/tenant.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';
import { countRows, withTableProgress } from '../../framework/table-progress.ts';

type Options = {
  in: string;
  schema?: string;
  domain?: readonly string[];
  asCopy?: true;
  database: string;
  json?: true;
};

export const restoreTenantCommand: CliCommand<Options> = {
  name: 'restore-tenant',
  summary: 'Create a tenant from a dump, in one transaction.',
  audited: ({ in: file, domain, asCopy = false, database }) => ({
    file,
    domains: domain ?? null,
    as_copy: asCopy,
    database,
  }),
  inTenant: false,

  declare: (parser) =>
    parser
      .requiredOption('--in <file>', 'a file written by dump-tenant')
      .option('--schema <name>', 'schema name; default: that of the dump')
      .option('--domain <host...>', 'domains; the first is primary; default: those of the dump')
      .option('--as-copy', 'omit rows that belong to the original only, such as audit events')
      .option('--database <name>', 'database of the tenant: a name in DATABASES', MAIN)
      .option('--json', 'print the result as JSON'),

  async run(
    { in: file, schema, domain = [], asCopy = false, database, json },
    { project, config, ownerUrl, print, note, progress },
  ) {
    const request = {
      project,
      file,
      schema: schema === undefined ? null : parseSchemaName(schema),
      domains: domain.map(parseDomainName),
      asCopy,
      declarations: tablesOf(project),
    };
    const { restoreTenant } = await import('../../../tenancy/transfer/dump/restore-tenant.ts');
    const databases = databasesOf(await config(), await ownerUrl());
    const restored = await withTableProgress(progress, `Restoring ${file}`, (hooks) =>
      restoreTenant(chooseDatabase(databases, MAIN).owner, chooseDatabase(databases, database), {
        ...request,
        ...hooks,
      }),
    );
    const { id, schema: restoredSchema, domains, tables, leftOut } = restored;
    print(
      json
        ? JSON.stringify(restored)
        : `Tenant ${restoredSchema} restored at ${domains.join(', ') || 'no domain'} (${id}).`,
    );
    note(`${countRows(tables)}; users must log in again.`);
    if (leftOut.length > 0) {
      note(`Left empty: ${leftOut.join(', ')}.`);
    }
  },
};
