import { z } from 'zod';

import { DomainError } from '../../errors.ts';

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
    'a schema name starts with a lower-case letter and has 1 to 48 lower-case letters, digits or underscores',
  )
  .refine((name) => !name.startsWith('pg_'), 'schema names that start with "pg_" belong to PostgreSQL')
  .refine((name) => !RESERVED.has(name), 'this schema name is reserved')
  .brand<'SchemaName'>();
export type SchemaName = z.infer<typeof schemaName>;

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST = new RegExp(`^(?:${LABEL}\\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`);

export const domainName = z
  .string()
  .transform((name) => name.toLowerCase())
  .refine(
    (name) => name.length <= 253 && HOST.test(name),
    'a domain is a host name without port: letters, digits and hyphens between dots, ending in a letter-first label',
  )
  .brand<'DomainName'>();
export type DomainName = z.infer<typeof domainName>;

export type TenantStatus = 'active' | 'suspended' | 'unpaid' | 'maintenance' | 'moving';

/** A tenant as a process may know it before entering it: the result of a host lookup. */
export type Tenant = Readonly<{
  id: TenantId;
  status: TenantStatus;
  isSite: boolean;
  keyGeneration: number;
  /** Name of the last tenant migration applied, null before the first. */
  migratedTo: string | null;
  /** Number of tenant migrations that were applied in a transaction. */
  transactionalApplied: number;
  /** Value of the header Retry-After, in seconds, while the tenant is in maintenance. */
  retryAfter: number;
  primaryDomain: string;
  /** Name of the tenant's database in the configuration. */
  database: string;
}>;

/**
 * Parses the schema name of a tenant.
 *
 * @throws DomainError `schema_name_invalid`, with the rule that was broken
 */
export function parseSchemaName(text: string): SchemaName {
  const result = schemaName.safeParse(text);
  if (!result.success) {
    throw new DomainError(
      'schema_name_invalid',
      `"${text}" cannot name a schema: ${result.error.issues[0]?.message ?? 'it is not valid'}.`,
    );
  }
  return result.data;
}

/**
 * Parses a schema name that may be the public site's: `public`, as in Django, or `site`.
 *
 * @throws DomainError `schema_name_invalid`
 */
export const parseSchemaOrSite = (text: string): SchemaName =>
  text === 'public' || text === SITE_SCHEMA ? SITE_SCHEMA : parseSchemaName(text);

/**
 * Parses the type of a tenant, which the installation defines: a plan, a market.
 *
 * @throws DomainError `usage_invalid`
 */
export function parseTenantType(text: string): string {
  if (!/^[a-z][a-z0-9_-]{0,47}$/.test(text) || text === 'site') {
    throw new DomainError(
      'usage_invalid',
      `"${text}" cannot be a type: it starts with a lower-case letter, has 1 to 48 lower-case letters, digits, - or _, and is not "site".`,
    );
  }
  return text;
}

/**
 * Parses a domain name.
 *
 * @throws DomainError `domain_invalid`, with the rule that was broken
 */
export function parseDomainName(text: string): DomainName {
  const result = domainName.safeParse(text);
  if (!result.success) {
    throw new DomainError(
      'domain_invalid',
      `"${text}" cannot be a domain: ${result.error.issues[0]?.message ?? 'it is not valid'}.`,
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
  .refine(
    (name) => name.trim() === name && name !== '',
    'a name is not empty, and does not begin or end with a space',
  )
  .refine((name) => [...name].length <= 255, 'a name has at most 255 characters')
  .refine((name) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name), 'a name has no line breaks and control characters');

/**
 * Parses the display name of a tenant.
 *
 * @throws DomainError `usage_invalid`
 */
export function parseTenantName(text: string): string {
  const result = tenantName.safeParse(text.trim());
  if (!result.success) {
    throw new DomainError(
      'usage_invalid',
      `This --name is not valid: ${result.error.issues[0]?.message ?? 'it cannot be used'}.`,
    );
  }
  return result.data;
}

/** The identity of a tenant in a database: its id, its schema and its role. */
export type TenantIdentity = Readonly<{ id: TenantId; schema: SchemaName; role: string }>;
