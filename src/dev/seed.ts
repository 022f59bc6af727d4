import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';

import { MODELS } from '../apps/tables.ts';
import { addUser } from '../cli/commands/users/accounts.ts';
import type { CliCommand } from '../cli/framework/command.ts';
import type { Config } from '../config/config.ts';
import { connectionTo, loginOf } from '../db/admin/connection-config.ts';
import type { Project } from '../definition/define-project.ts';
import { DomainError } from '../errors.ts';
import { withOwnerTenant } from '../tenancy/context/with-owner-tenant.ts';
import { loadFixture } from '../tenancy/fixtures/load-fixture.ts';
import { parseFixture } from '../tenancy/fixtures/parse-fixture.ts';
import { provisionTenant } from '../tenancy/lifecycle/provision.ts';
import { parseDomainName, parseSchemaName, SITE_SCHEMA } from '../tenancy/registry/tenant.ts';

export type DemoLogin = Readonly<{ host: string; username: string; password: string }>;

/** Each has a fixture of its schema's name. */
const TENANTS = [
  { schema: 'acme', name: 'Acme Inc', username: 'alice' },
  { schema: 'globex', name: 'Globex Corporation', username: 'hank' },
] as const;

const FIXTURES = path.resolve(import.meta.dirname, '../../fixtures');

/** Public on purpose: they open demo data only, and `seed` says so. */
const passwordOf = (username: string): string => `${username}-demo-password`;

export const demoLogins = (config: Pick<Config, 'BASE_DOMAIN'>): readonly DemoLogin[] => [
  ...TENANTS.map(({ schema, username }) => ({
    host: `${schema}.${config.BASE_DOMAIN}`,
    username,
    password: passwordOf(username),
  })),
  { host: config.BASE_DOMAIN, username: 'operator', password: passwordOf('operator') },
];

const unless =
  (...codes: ReadonlyArray<DomainError['code']>) =>
  (error: unknown): null => {
    if (error instanceof DomainError && codes.includes(error.code)) {
      return null;
    }
    throw error;
  };

/** Loads a tenant's fixture when nobody has an account there yet: what somebody made stays as it is. */
async function fill(owner: pg.ClientConfig, schema: string): Promise<void> {
  const entries = parseFixture(await readFile(path.join(FIXTURES, `${schema}.json`), 'utf8'));
  await withOwnerTenant(owner, schema, async (client) => {
    const { rows } = await client.query('select u.id from users as u limit 1');
    if (rows.length === 0) {
      await loadFixture(client, entries, MODELS);
    }
  });
}

/** Makes what is missing of the demo tenants, and changes nothing that is there. */
export async function seedDemo(
  project: Project,
  config: Config,
  owner: pg.ClientConfig,
): Promise<readonly DemoLogin[]> {
  const service = loginOf(config.DATABASE_URL).user;
  for (const { schema, name } of TENANTS) {
    await provisionTenant(
      owner,
      { service, project },
      {
        schema: parseSchemaName(schema),
        name,
        domains: [parseDomainName(`${schema}.${config.BASE_DOMAIN}`)],
      },
    ).catch(unless('schema_name_taken'));
    await fill(owner, schema);
  }
  await addUser(owner, SITE_SCHEMA, {
    username: 'operator',
    email: `operator@${config.BASE_DOMAIN}`,
    password: passwordOf('operator'),
    isSuperuser: true,
  }).catch(unless('user_exists'));
  return demoLogins(config);
}

export const seed: CliCommand<{ json?: true }> = {
  name: 'seed',
  summary:
    'Create the demo tenants acme and globex with a user each. For development: the passwords are public.',
  declare: (parser) => parser.option('--json', 'print the logins as JSON'),

  async run({ json }, { project, config, ownerUrl, print }) {
    const logins = await seedDemo(project, await config(), connectionTo(await ownerUrl()));
    if (json) {
      print(JSON.stringify(logins));
      return;
    }
    for (const { host, username, password } of logins) {
      print(`${host}  ${username}  ${password}`);
    }
  },
};
