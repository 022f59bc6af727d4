import { DomainError } from '../../../errors.ts';
import { enterAsOwner } from '../../../tenancy/context/with-owner-tenant.ts';
import { provisionOn } from '../../../tenancy/lifecycle/provision-on.ts';
import { LEAVE } from '../../../tenancy/migrations/migrate-tenant.ts';
import { chooseDatabase, MAIN } from '../../../tenancy/registry/databases.ts';
import {
  parseDomainName,
  parseSchemaName,
  parseTenantName,
  parseTenantType,
} from '../../../tenancy/registry/tenant.ts';
import { needsVerification } from '../../../tenancy/registry/verification.ts';
import type { CliCommand } from '../../framework/command.ts';
import { databasesOf } from '../../framework/fleet.ts';
import { assertGood, parseUsername, prepareUser } from '../users/accounts.ts';

type Options = {
  schema: string;
  name: string;
  domain: string;
  paid?: string;
  onTrial: boolean;
  type: string;
  superuser?: string;
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
  inTenant: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'schema name, for example acme')
      .requiredOption('--name <text>', 'display name, for example "Acme Inc"')
      .requiredOption('--domain <host>', 'primary domain, for example acme.localhost')
      .option('--paid <day>', 'last paid day, YYYY-MM-DD; left out: never asked to pay')
      .option('--on-trial', 'on trial, which is how a tenant begins', true)
      .option('--no-on-trial', 'not on trial: what --paid says counts')
      .option('--type <type>', "a word of your own, for example a plan's name", 'tenant')
      .option('--superuser <name>', 'create this superuser too; the password is asked for')
      .option('--database <name>', 'where it is to live: a name of DATABASES', MAIN)
      .option('--json', 'print the tenant as JSON'),

  async run(
    { schema, name, domain, paid, onTrial, type, superuser, database, json },
    { project, config, ownerUrl, print, ask, note },
  ) {
    const tenant = {
      schema: parseSchemaName(schema),
      name: parseTenantName(name),
      domains: [parseDomainName(domain)],
      paidUntil: paid === undefined ? null : parseDay(paid),
      onTrial,
      type: parseTenantType(type),
    };
    // Asked before anything is made: who gives up here leaves nothing behind.
    const admin =
      superuser === undefined
        ? null
        : {
            username: parseUsername(superuser),
            email: '',
            password: await ask(`Password of ${superuser}: `, { secret: true }),
          };
    if (admin) {
      assertGood(admin.password, admin);
    }
    const { BASE_DOMAIN, REQUIRE_DOMAIN_VERIFICATION } = await config();
    const databases = databasesOf(await config(), await ownerUrl());
    const home = chooseDatabase(databases, database);
    const add = admin && (await prepareUser(schema, { ...admin, isSuperuser: true }));
    // In the transaction that makes the tenant: both are there, or neither.
    const id = await provisionOn(
      chooseDatabase(databases, MAIN).owner,
      { ...home, project },
      tenant,
      null,
      async (client) => {
        if (add) {
          await enterAsOwner(client, schema);
          await add(client);
          await client.query(LEAVE);
        }
      },
    );
    if (REQUIRE_DOMAIN_VERIFICATION && needsVerification(tenant.domains[0] ?? '', BASE_DOMAIN)) {
      note(
        `${tenant.domains[0]} is not served before \`verify-domain --schema ${schema} --domain ${tenant.domains[0]}\`; \`show-tenant\` has its DNS record.`,
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
            superuser: admin?.username ?? null,
          })
        : `Tenant ${tenant.name} created at ${tenant.domains[0]} in schema ${schema} (${id})${admin ? `, with the superuser ${admin.username}` : ''}.`,
    );
  },
};
