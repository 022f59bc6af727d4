import type { CreateTenantExtension } from '../../../definition/app-commands.ts';
import { OperatorError } from '../../../errors.ts';
import { createTenant } from '../../../tenancy/lifecycle/create-tenant.ts';
import { MAIN } from '../../../tenancy/registry/databases.ts';
import {
  parseDomainName,
  parseSchemaName,
  parseTenantName,
  parseTenantType,
} from '../../../tenancy/registry/tenant.ts';
import { needsVerification } from '../../../tenancy/registry/verification.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';

type Options = {
  schema: string;
  name: string;
  domain: string;
  paid?: string;
  onTrial: boolean;
  type: string;
  database: string;
  json?: true;
};

/** Parses an existing day, in the form `YYYY-MM-DD`. */
function parseDay(text: string): string {
  const day = new Date(`${text}T00:00:00Z`);
  if (
    !/^\d{4}-\d{2}-\d{2}$/.test(text) ||
    Number.isNaN(day.getTime()) ||
    day.toISOString().slice(0, 10) !== text
  ) {
    throw new OperatorError('usage_invalid', `"${text}" is not a date. Write --paid as YYYY-MM-DD.`);
  }
  return text;
}

/** Creates the command. `extensions` are the options that apps add, and the rows that they create with the tenant. */
export const createTenantCommand = (extensions: readonly CreateTenantExtension[]): CliCommand<Options> => ({
  name: 'create-tenant',
  summary: 'Create a tenant with its row, domain, role, schema, tables and policies, in one transaction.',
  audited: false,
  inTenant: false,

  declare: (parser, project) => {
    parser
      .requiredOption('--schema <name>', 'schema name, for example acme')
      .requiredOption('--name <text>', 'display name, for example "Acme Inc"')
      .requiredOption('--domain <host>', 'primary domain, for example acme.localhost')
      .option('--paid <day>', 'last paid day, YYYY-MM-DD; default: no payment required')
      .option('--on-trial', 'on trial (default)', true)
      .option('--no-on-trial', 'not on trial: --paid applies')
      .option('--type <type>', 'custom type, for example the name of a plan', 'tenant')
      .option('--database <name>', 'database of the tenant: a name in DATABASES', MAIN)
      .option('--json', 'print the tenant as JSON');
    for (const { declare } of extensions) {
      declare(parser, project);
    }
  },

  async run(options, deps) {
    const { schema, name, domain, paid, onTrial, type, database, json } = options;
    const { project, config, ownerUrl, print, note } = deps;
    const tenant = {
      schema: parseSchemaName(schema),
      name: parseTenantName(name),
      domains: [parseDomainName(domain)],
      paidUntil: paid === undefined ? null : parseDay(paid),
      onTrial,
      type: parseTenantType(type),
    };
    // Runs before anything is created: a rejection leaves no data behind.
    const prepared: Array<Awaited<ReturnType<CreateTenantExtension['prepare']>>> = [];
    for (const extension of extensions) {
      prepared.push(await extension.prepare(options, tenant.schema, deps));
    }
    const { BASE_DOMAIN, REQUIRE_DOMAIN_VERIFICATION } = await config();
    const databases = databasesOf(await config(), await ownerUrl());
    const id = await createTenant(databases, project, tenant, {
      database,
      insertRows: prepared.flatMap(({ add }) => add ?? []),
    });
    if (REQUIRE_DOMAIN_VERIFICATION && needsVerification(tenant.domains[0] ?? '', BASE_DOMAIN)) {
      note(
        `${tenant.domains[0]} is not served until it is verified. \`show-tenant\` prints its DNS record; then run \`verify-domain --schema ${schema} --domain ${tenant.domains[0]}\`.`,
      );
    }
    print(
      json
        ? JSON.stringify({
            id,
            schema_name: schema,
            name: tenant.name,
            domain: tenant.domains[0],
            paid_until: tenant.paidUntil,
            type: tenant.type,
            ...Object.assign({}, ...prepared.map(({ printed }) => printed)),
          })
        : `Tenant ${tenant.name} created at ${tenant.domains[0]} in schema ${schema} (${id})${prepared.map(({ sentence }) => sentence).join('')}.`,
    );
  },
});
