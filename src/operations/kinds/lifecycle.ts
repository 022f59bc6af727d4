import { z } from 'zod';

import type { Config } from '../../config/config.ts';
import type { OperationDependencies } from '../../definition/dependencies.ts';
import type { PreparedOwner } from '../../definition/owners.ts';
import { OperatorError, ValidationFailed } from '../../errors.ts';
import {
  defineOperation,
  type OperationContext,
  type OperationKind,
} from '../../tenancy/operations/operation-kind.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import {
  type DomainName,
  parseDomainName,
  parseTenantType,
  type SchemaName,
} from '../../tenancy/registry/tenant.ts';
import { assertPrimaryAllowed, needsVerification } from '../../tenancy/registry/verification.ts';
import { blockSeconds, databaseOf, day, displayName, domain, newSchema } from './fields.ts';

type Parts = Pick<OperationDependencies, 'ownerService' | 'owners'>;

/** Returns a function that shows progress in an operation. */
export const showProgress =
  ({ progress, log }: Pick<OperationContext, 'progress' | 'log'>) =>
  (_title: string, total: number) => {
    let done = 0;
    progress(0, total);
    return {
      step: (line: string) => {
        done += 1;
        log(line);
        progress(Math.min(done, total), total, line);
      },
      stop: () => {},
    };
  };

const newTenantOf = (config: Config) =>
  z.strictObject({
    schema: newSchema,
    name: displayName,
    domain,
    paid_until: day.nullable().default(null).meta({ title: 'Last paid day' }),
    on_trial: z.boolean().default(true).meta({ title: 'On trial' }),
    type: z.string().default('tenant').meta({ title: 'Type', description: 'Custom type, such as a market.' }),
    database: databaseOf(config),
  });

const recordedOwner = z.record(z.string(), z.string()).nullable();

/**
 * Checks and hashes the credentials of the first user.
 *
 * @throws ValidationFailed on `owner_email` or `owner_password`
 */
async function prepareOwner(
  { ownerService }: Pick<Parts, 'ownerService'>,
  email: string | null,
  password: string | null,
): Promise<PreparedOwner> {
  const service = ownerService();
  if (service === null) {
    throw new ValidationFailed({ owner_email: ['No app of this installation has users.'] });
  }
  if (email === null || password === null) {
    throw new ValidationFailed({
      [email === null ? 'owner_email' : 'owner_password']: ['This field is required.'],
    });
  }
  return service.prepareOwner({ email, password }).catch((error: unknown) => {
    throw error instanceof ValidationFailed
      ? new ValidationFailed(
          Object.fromEntries(
            Object.entries(error.fields).map(([name, messages]) => [`owner_${name}`, messages]),
          ),
        )
      : error;
  });
}

/** Creates a tenant, also with its first user, whose password is hashed before the operation is recorded. */
function createKind(config: Config, parts: Parts): OperationKind {
  const { BASE_DOMAIN: base, REQUIRE_DOMAIN_VERIFICATION: required } = config;
  const newTenant = newTenantOf(config);
  return defineOperation({
    kind: 'create-tenant',
    title: 'Create tenant',
    description: 'Creates a tenant with its domain, schema and tables, in one transaction.',
    target: 'fleet',
    hidden: ['owner'],
    afterInterruption: 'If the tenant exists, the operation is complete. Otherwise request it again.',
    arguments: newTenant.extend({
      owner_email: z.email().nullable().default(null).meta({
        title: 'Email of the first user',
        description: 'The first user has every right. Its address counts as confirmed.',
      }),
      owner_password: z
        .string()
        .max(4_096)
        .nullable()
        .default(null)
        .meta({ title: 'Password of the first user', writeOnly: true, format: 'password' }),
    }),
    prepare: async ({ owner_email: email, owner_password: password, ...tenant }) => ({
      ...tenant,
      owner: email === null && password === null ? null : await prepareOwner(parts, email, password),
    }),
    recorded: newTenant.extend({ owner: recordedOwner }),
    run: async (given, { project, databases, log }) => {
      const { owner, schema } = given;
      const host = parseDomainName(given.domain);
      const { owners } = parts;
      if (owner !== null && owners === null) {
        throw new OperatorError('precondition_failed', 'No app of this installation has users.');
      }
      const { createTenant } = await import('../../tenancy/lifecycle/create-tenant.ts');
      const id = await createTenant(
        databases,
        project,
        {
          schema: schema as SchemaName,
          name: given.name,
          domains: [host],
          paidUntil: given.paid_until,
          onTrial: given.on_trial,
          type: parseTenantType(given.type),
        },
        {
          database: given.database,
          insertRows: owner !== null && owners !== null ? [(client) => owners.addOwner(client, owner)] : [],
        },
      );
      if (required && needsVerification(host, base)) {
        log(`${host} is not served until it is verified.`);
      }
      return { id, schema, domain: host };
    },
  });
}

const renameKind = ({ BASE_DOMAIN: baseDomain, REQUIRE_DOMAIN_VERIFICATION: required }: Config) =>
  defineOperation({
    kind: 'rename-tenant',
    title: 'Rename tenant',
    description: 'Changes the schema name, display name or primary domain. Empty fields stay the same.',
    // Links in mails lead to the primary domain, and contain the token that resets a password.
    superuserOnly: { arguments: ['domain', 'keep_domain'] },
    afterInterruption:
      'If the tenant has its new names, the operation is complete. Otherwise request it again.',
    arguments: z.strictObject({
      schema: newSchema.nullable().default(null).meta({ title: 'New schema name' }),
      name: displayName.nullable().default(null).meta({ title: 'New name' }),
      domain: domain.nullable().default(null).meta({ title: 'New primary domain' }),
      keep_domain: z.boolean().default(true).meta({
        title: 'Keep the old primary domain',
        description: 'As a further domain. Otherwise it is removed.',
      }),
      block_seconds: blockSeconds,
    }),
    run: async (given, { project, databases, tenant: schema }) => {
      if (given.schema === null && given.name === null && given.domain === null) {
        throw new OperatorError('usage_invalid', 'Specify a new schema name, name or primary domain.');
      }
      const host: DomainName | undefined = given.domain === null ? undefined : parseDomainName(given.domain);
      if (host !== undefined) {
        assertPrimaryAllowed(host, { baseDomain, required }, 'Add and verify it, then make it primary.');
      }
      const { renameTenant } = await import('../../tenancy/lifecycle/rename-tenant.ts');
      const renamed = await renameTenant(
        chooseDatabase(databases, MAIN).owner,
        schema,
        {
          schema: (given.schema as SchemaName | null) ?? undefined,
          name: given.name ?? undefined,
          domain: host,
          keepDomain: given.keep_domain,
        },
        given.block_seconds,
        project,
      );
      return { schema: renamed.schema, name: renamed.name, domains: renamed.domains };
    },
  });

const deleteKind = defineOperation({
  kind: 'delete-tenant',
  title: 'Delete tenant',
  description: 'Its hosts stop immediately. Its data is kept for some days, and it can be undeleted.',
  destroys: true,
  repeatable: true,
  arguments: z.strictObject({
    keep_days: z.number().int().min(0).max(3_650).default(30).meta({
      title: 'Days to keep the data',
      description: 'Days until `purge-tenants` may drop the data.',
    }),
    block_seconds: blockSeconds,
  }),
  run: async ({ keep_days: keepDays, block_seconds: seconds }, { project, databases, tenant, log }) => {
    const { deleteTenant } = await import('../../tenancy/lifecycle/delete-tenant.ts');
    const options = { keepDays, blockSeconds: seconds };
    const { tenant: deleted, changed, drained } = await deleteTenant(databases, project, tenant, options);
    if (!drained) {
      log(`Requests are still running after ${seconds} s. They will end on their own.`);
    }
    return { status: deleted.status, changed, purge_after: deleted.purgeAfter?.toISOString() ?? null };
  },
});

const purgeKind = defineOperation({
  kind: 'purge-tenant',
  title: 'Purge tenant',
  description: 'Drops all data of a deleted tenant permanently.',
  destroys: true,
  statuses: ['deleted'],
  repeatable: true,
  arguments: z.strictObject({}),
  run: async (_given, context) => {
    const { purgeDeleted } = await import('../../tenancy/lifecycle/delete-tenant.ts');
    await purgeDeleted(context.databases, context.tenant, showProgress(context));
    return { purged: true };
  },
});

/** Creation, renaming, deletion and purge. The service lists them, and only the worker loads what they run. */
export const lifecycleKinds = (config: Config, parts: Parts): readonly OperationKind[] => [
  createKind(config, parts),
  renameKind(config),
  deleteKind,
  purgeKind,
];
