import { DomainError } from '../errors.ts';
import { chooseDatabase, MAIN } from '../tenancy/databases.ts';
import { provisionOn } from '../tenancy/provision-on.ts';
import { parseDomainName, parseSchemaName, parseTenantName } from '../tenancy/tenant.ts';
import type { CliCommand } from './command.ts';
import { databasesOf } from './fleet.ts';

type Options = {
  schema: string;
  name: string;
  domain: string;
  paid?: string;
  onTrial: boolean;
  database: string;
  json?: true;
};

/** A day that exists, as `YYYY-MM-DD`. */
function parseDay(text: string): string {
  const day = new Date(`${text}T00:00:00Z`);
  if (
    !/^\d{4}-\d{2}-\d{2}$/.test(text) ||
    Number.isNaN(day.getTime()) ||
    day.toISOString().slice(0, 10) !== text
  ) {
    throw new DomainError('usage_invalid', `"${text}" is not a day: write --paid as YYYY-MM-DD.`);
  }
  return text;
}

export const createTenant: CliCommand<Options> = {
  name: 'create-tenant',
  summary: 'Create a tenant: its row, domain, role, schema, tables and policies, or none of them.',

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'schema name, for example acme')
      .requiredOption('--name <text>', 'display name, for example "Acme Inc"')
      .requiredOption('--domain <host>', 'primary domain, for example acme.localhost')
      .option('--paid <day>', 'last paid day, YYYY-MM-DD; left out: never asked to pay')
      .option('--no-on-trial', 'not on trial: what --paid says counts')
      .option('--database <name>', 'where it is to live: a name of DATABASES', MAIN)
      .option('--json', 'print the tenant as JSON'),

  async run({ schema, name, domain, paid, onTrial, database, json }, { config, ownerUrl, print }) {
    const tenant = {
      schema: parseSchemaName(schema),
      name: parseTenantName(name),
      domains: [parseDomainName(domain)],
      paidUntil: paid === undefined ? null : parseDay(paid),
      onTrial,
    };
    const databases = databasesOf(await config(), await ownerUrl());
    const { owner } = chooseDatabase(databases, MAIN);
    const id = await provisionOn(owner, chooseDatabase(databases, database), tenant);
    print(
      json
        ? JSON.stringify({
            id,
            schema_name: schema,
            name: tenant.name,
            domain: tenant.domains[0],
            paid_until: tenant.paidUntil,
          })
        : `Tenant ${tenant.name} created at ${tenant.domains[0]} in schema ${schema} (${id}).`,
    );
  },
};
