import type pg from 'pg';

import type { CliCommand } from '../cli/framework/command.ts';
import type { Config } from '../config/config.ts';
import { connectionTo, loginOf } from '../db/admin/connection-config.ts';
import type { AppDemo, DemoTenant } from '../definition/app-demo.ts';
import type { Project } from '../definition/define-project.ts';
import { DomainError } from '../errors.ts';
import { withTenantAsOwner } from '../tenancy/context/with-owner-tenant.ts';
import { provisionTenant } from '../tenancy/lifecycle/provision.ts';
import { suspendTenant } from '../tenancy/registry/change-status.ts';
import { parseDomainName, parseSchemaName, SITE_SCHEMA } from '../tenancy/registry/tenant.ts';

export type DemoLogin = Readonly<{ host: string; username: string; password: string; note: string }>;

type SeededTenant = Readonly<{
  schema: string;
  name: string;
  /** State of the tenant, for the list of logins. */
  note: string;
  paidUntil?: string;
  onTrial?: boolean;
  isSuspended?: true;
}>;

const TENANTS: readonly SeededTenant[] = [
  { schema: 'acme', name: 'Acme Inc', note: 'paid', onTrial: false, paidUntil: '2099-12-31' },
  { schema: 'globex', name: 'Globex Corporation', note: 'on trial' },
  { schema: 'initech', name: 'Initech', note: 'unpaid', onTrial: false, paidUntil: '2020-01-31' },
  { schema: 'hooli', name: 'Hooli', note: 'suspended', isSuspended: true },
];

/** Returns the demo tenants and the public site. */
const demoTenants = ({ BASE_DOMAIN }: Pick<Config, 'BASE_DOMAIN'>): readonly DemoTenant[] => [
  ...TENANTS.map(({ schema }) => ({ kind: 'tenant' as const, schema, host: `${schema}.${BASE_DOMAIN}` })),
  { kind: 'site', schema: SITE_SCHEMA, host: BASE_DOMAIN },
];

/** Returns the demo data of the apps for a kind of schema, in the project's order. */
async function demosOf({ apps }: Project, { kind }: DemoTenant): Promise<readonly AppDemo[]> {
  const demos = await Promise.all(apps.filter(({ on }) => on.includes(kind)).map(({ demo }) => demo?.()));
  return demos.filter((demo) => demo !== undefined);
}

export async function demoLogins(
  project: Project,
  config: Pick<Config, 'BASE_DOMAIN'>,
): Promise<readonly DemoLogin[]> {
  const logins: DemoLogin[] = [];
  for (const tenant of demoTenants(config)) {
    for (const demo of await demosOf(project, tenant)) {
      const note = TENANTS.find(({ schema }) => schema === tenant.schema)?.note ?? 'operator';
      logins.push(...(demo.logins?.(tenant) ?? []).map((login) => ({ ...login, note })));
    }
  }
  return logins;
}

/** Returns lines that help a developer start with the first demo tenant. */
export async function demoIntroduction(
  project: Project,
  config: Pick<Config, 'BASE_DOMAIN'>,
  urlOf: (host: string) => string,
): Promise<readonly string[]> {
  const [tenant] = demoTenants(config);
  const demos = tenant ? await demosOf(project, tenant) : [];
  return tenant ? demos.flatMap((demo) => demo.introduction?.(tenant, urlOf(tenant.host)) ?? []) : [];
}

const unlessTaken = (error: unknown): null => {
  if (error instanceof DomainError && error.code === 'schema_name_taken') {
    return null;
  }
  throw error;
};

/** Creates missing demo tenants, and does not change existing ones. */
export async function seedDemo(
  project: Project,
  config: Config,
  owner: pg.ClientConfig,
): Promise<readonly DemoLogin[]> {
  const service = loginOf(config.DATABASE_URL).user;
  for (const { schema, name, paidUntil = null, onTrial = true, isSuspended } of TENANTS) {
    const created = await provisionTenant(
      owner,
      { service, project },
      {
        schema: parseSchemaName(schema),
        name,
        domains: [parseDomainName(`${schema}.${config.BASE_DOMAIN}`)],
        paidUntil,
        onTrial,
      },
    ).catch(unlessTaken);
    if (created !== null && isSuspended) {
      await suspendTenant(owner, schema);
    }
  }
  for (const tenant of demoTenants(config)) {
    const demos = await demosOf(project, tenant);
    await withTenantAsOwner(owner, tenant.schema, async (client) => {
      for (const { seed } of demos) {
        await seed(client, tenant);
      }
    });
  }
  return demoLogins(project, config);
}

export const seedCommand = (project: Project): CliCommand<{ json?: true }> => ({
  name: 'seed',
  summary:
    'Create the demo tenants (paid, on trial, unpaid, suspended) with a user each. For development: the passwords are public.',
  declare: (parser) => parser.option('--json', 'print the logins as JSON'),

  async run({ json }, { config, ownerUrl, print }) {
    const logins = await seedDemo(project, await config(), connectionTo(await ownerUrl()));
    if (json) {
      print(JSON.stringify(logins));
      return;
    }
    for (const { host, username, password } of logins) {
      print(`${host}  ${username}  ${password}`);
    }
  },
});
