import { z } from 'zod';

import { OperatorError } from '../../errors.ts';

const RESERVED = new Set(['public', 'tenancy', 'tenancy_migrations', 'information_schema', 'site']);

/** The schema of the public site, which has the operators' accounts. */
export const SITE_SCHEMA = 'site' as SchemaName;

export const tenantId = z.uuid().brand<'TenantId'>();
/** The id of a tenant, a UUID. It never changes. */
export type TenantId = z.infer<typeof tenantId>;

export const schemaName = z
  .string()
  .regex(
    /^[a-z][a-z0-9_]{0,47}$/,
    'it must have 1 to 48 lowercase letters, digits or underscores, starting with a letter',
  )
  .refine((name) => !name.startsWith('pg_'), 'names that start with "pg_" are reserved for PostgreSQL')
  .refine((name) => !RESERVED.has(name), 'it is reserved')
  .brand<'SchemaName'>();
export type SchemaName = z.infer<typeof schemaName>;

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST = new RegExp(`^(?:${LABEL}\\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`);

export const domainName = z
  .string()
  .transform((name) => name.toLowerCase())
  .refine(
    (name) => name.length <= 253 && HOST.test(name),
    'it must be a hostname without port, with letters, digits and hyphens between dots, and a last label that starts with a letter',
  )
  .brand<'DomainName'>();
export type DomainName = z.infer<typeof domainName>;

/** The role of a tenant. Made from the id, because roles belong to the cluster and never change. */
export const roleName = z
  .string()
  .regex(/^t_[0-9a-f]{32}$/)
  .brand<'RoleName'>();
export type RoleName = z.infer<typeof roleName>;

/** Returns the role of a tenant. The generated column `role_name` has the same rule. */
export const roleOf = (id: TenantId): RoleName => `t_${id.replaceAll('-', '')}` as RoleName;

/** A row of `public.tenants` with its domains, as registry.ts selects it. */
export const tenantRow = z
  .object({
    id: tenantId,
    // Includes the schemas of the public site, of spares and of unfinished tenants.
    schema: z.string().brand<'SchemaName'>(),
    role: roleName,
    /** Display name. */
    name: z.string(),
    status: z.enum(['active', 'suspended', 'maintenance', 'moving', 'deleted', 'spare']),
    /** `site` for the public site. The installation defines the others: a plan, a market. */
    type: z.string(),
    /** Name of the tenant's database in the configuration. */
    database: z.string(),
    onTrial: z.boolean(),
    /** Last paid day, `YYYY-MM-DD`. Null: no payment is required yet. */
    paidUntil: z.string().nullable(),
    settings: z.record(z.string(), z.unknown()),
    keyGeneration: z.number(),
    /** Name of the last transactional migration that was applied. Null before the first. */
    migratedTo: z.string().nullable(),
    /** The same for migrations that run outside a transaction. */
    concurrentTo: z.string().nullable(),
    /** Number of migrations that were applied. */
    migrationsApplied: z.number(),
    /** Number of those that were applied in a transaction. */
    transactionalApplied: z.number(),
    /** The primary domain comes first. */
    domains: z.array(z.string()),
    /** Value of the header Retry-After during maintenance, in seconds. */
    retryAfter: z.number().nullable(),
    deletedAt: z.date().nullable(),
    purgeAfter: z.date().nullable(),
    purgeStartedAt: z.date().nullable(),
    createdAt: z.date(),
  })
  .strict()
  .readonly();

/**
 * A tenant. Functions that need a part of it take `Pick<Tenant, …>`. A `SchemaName` or `RoleName` was
 * parsed; functions that look a tenant up accept the schema's name as text.
 */
export type Tenant = z.infer<typeof tenantRow>;

/** The identity of a tenant in a database. */
export type TenantIdentity = Pick<Tenant, 'id' | 'schema' | 'role'>;

/** Parses the identity in a row. Ignores other columns. */
export const tenantIdentity = z.object({
  id: tenantId,
  schema: tenantRow.unwrap().shape.schema,
  role: roleName,
});

/**
 * The tenant of a host, as the service knows it before it enters the tenant. The service may not read
 * the registry.
 */
export type ResolvedTenant = Pick<
  Tenant,
  'id' | 'keyGeneration' | 'migratedTo' | 'transactionalApplied' | 'database'
> &
  Readonly<{
    /** `unpaid` is derived from the payment. */
    status: Exclude<Tenant['status'], 'deleted' | 'spare'> | 'unpaid';
    isSite: boolean;
    /** The pool shard that the tenant is pinned to. Null: one of the shared shards. */
    lane: number | null;
    /** Value of the header Retry-After, in seconds, while the tenant is in maintenance. */
    retryAfter: number;
    primaryDomain: string;
  }>;

/** The status of a tenant that hosts resolve to. */
export type TenantStatus = ResolvedTenant['status'];

/**
 * Parses the schema name of a tenant.
 *
 * @throws OperatorError `schema_name_invalid`, with the rule that was broken
 */
export function parseSchemaName(text: string): SchemaName {
  const result = schemaName.safeParse(text);
  if (!result.success) {
    throw new OperatorError(
      'schema_name_invalid',
      `"${text}" is not a valid schema name: ${result.error.issues[0]?.message ?? 'it is not valid'}.`,
    );
  }
  return result.data;
}

/**
 * Parses a schema name that may be the public site's: `public`, as in Django, or `site`.
 *
 * @throws OperatorError `schema_name_invalid`
 */
export const parseSchemaOrSite = (text: string): SchemaName =>
  text === 'public' || text === SITE_SCHEMA ? SITE_SCHEMA : parseSchemaName(text);

/**
 * Parses the type of a tenant, which the installation defines: a plan, a market.
 *
 * @throws OperatorError `usage_invalid`
 */
export function parseTenantType(text: string): string {
  if (!/^[a-z][a-z0-9_-]{0,47}$/.test(text) || text === 'site') {
    throw new OperatorError(
      'usage_invalid',
      `"${text}" is not a valid type: it must have 1 to 48 lowercase letters, digits, - or _, start with a letter, and not be "site".`,
    );
  }
  return text;
}

/**
 * Parses a domain name.
 *
 * @throws OperatorError `domain_invalid`, with the rule that was broken
 */
export function parseDomainName(text: string): DomainName {
  const result = domainName.safeParse(text);
  if (!result.success) {
    throw new OperatorError(
      'domain_invalid',
      `"${text}" is not a valid domain: ${result.error.issues[0]?.message ?? 'it is not valid'}.`,
    );
  }
  return result.data;
}

/**
 * The display name of a tenant. It appears on terminals and in the headers of mail: the rules are
 * those of the constraint tenants__name_form.
 */
export const tenantName = z
  .string()
  .refine((name) => name.trim() === name && name !== '', 'it must not be empty, or begin or end with a space')
  .refine((name) => [...name].length <= 255, 'it must have at most 255 characters')
  .refine(
    (name) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name),
    'it must not contain line breaks or control characters',
  );

/**
 * Parses the display name of a tenant.
 *
 * @throws OperatorError `usage_invalid`
 */
export function parseTenantName(text: string): string {
  const result = tenantName.safeParse(text.trim());
  if (!result.success) {
    throw new OperatorError(
      'usage_invalid',
      `This --name is not valid: ${result.error.issues[0]?.message ?? 'it cannot be used'}.`,
    );
  }
  return result.data;
}
