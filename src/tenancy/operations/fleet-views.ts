import { z } from 'zod';

const timestamp = z.string();
const day = z.string().nullable();

/** A tenant in a list of operators. Times are ISO 8601. */
export const tenantItem = z.strictObject({
  schema: z.string(),
  name: z.string(),
  status: z.string(),
  /** The primary domain. Null: none. */
  domain: z.string().nullable(),
  domains_count: z.number(),
  plan: z.string().nullable(),
  paid_until: day,
  on_trial: z.boolean(),
  /** Name of the last tenant migration. Null: none yet. */
  version: z.string().nullable(),
  /** Whether the tenant has every migration that this release requires. */
  is_current: z.boolean(),
  /** The migration that failed, or an empty text for a failure outside of one. Null: none. */
  failed_migration: z.string().nullable(),
  database: z.string(),
  /** As of the last vacuum. Null: not known, as for a tenant in another database. */
  size_bytes: z.number().nullable(),
  created_at: timestamp,
});
export type TenantItem = Readonly<z.infer<typeof tenantItem>>;

export const tenantPage = z.strictObject({ count: z.number(), results: z.array(tenantItem) });

export const tenantRecord = tenantItem.extend({
  id: z.uuid(),
  type: z.string(),
  lane: z.number().nullable(),
  retry_after: z.number().nullable(),
  deleted_at: timestamp.nullable(),
  purge_after: timestamp.nullable(),
  overrides: z.record(z.string(), z.unknown()),
  domains: z.array(
    z.strictObject({
      domain: z.string(),
      is_primary: z.boolean(),
      is_verified: z.boolean(),
      token: z.string(),
    }),
  ),
  payments: z.array(
    z.strictObject({
      reference: z.string(),
      paid_until: z.string(),
      amount: z.string().nullable(),
      currency: z.string().nullable(),
      recorded_at: timestamp,
    }),
  ),
  last_error: z
    .strictObject({
      migration: z.string().nullable(),
      message: z.string(),
      message_without_values: z.string().nullable(),
      attempts: z.number(),
      at: timestamp,
    })
    .nullable(),
});

/** A tenant with everything that its page shows. */
export type TenantDetails = Readonly<
  Omit<z.infer<typeof tenantRecord>, 'overrides' | 'domains'> & {
    domains: ReadonlyArray<{
      domain: string;
      is_primary: boolean;
      is_verified: boolean;
      /** Null: the domain needs no verification. */
      dns_record: { name: string; type: 'TXT'; value: string } | null;
    }>;
    settings: ReadonlyArray<{ name: string; value: unknown; default: unknown; is_overridden: boolean }>;
  }
>;

export const fleetOverview = z.strictObject({
  /** Status to number of tenants. */
  tenants: z.record(z.string(), z.number()),
  versions: z.array(z.strictObject({ version: z.string().nullable(), count: z.number() })),
  /** Number of tenants that lack migrations of this release. */
  behind: z.number(),
  failed_migrations: z.array(
    z.strictObject({
      schema: z.string(),
      migration: z.string().nullable(),
      message: z.string(),
      message_without_values: z.string().nullable(),
      at: timestamp,
    }),
  ),
  /** Result of the last operation `drift` of the whole fleet. Null: none yet. */
  drift: z.strictObject({ at: timestamp, result: z.record(z.string(), z.unknown()) }).nullable(),
  largest: z.array(z.strictObject({ schema: z.string(), bytes: z.number() })),
  /** For each kind of due work: the tenants that have some, and those whose work is late by more than five minutes. */
  due_work: z.array(z.strictObject({ kind: z.string(), tenants: z.number(), overdue: z.number() })),
  /** When a worker last looked for operations, at most ten seconds late. Null: none has. */
  worker: z.strictObject({ seen_at: timestamp.nullable() }),
  operations: z.strictObject({ queued: z.number(), running: z.number(), failed_today: z.number() }),
});
export type FleetOverview = Readonly<z.infer<typeof fleetOverview>>;

/** A dump that a worker can restore. */
export const dump = z.strictObject({ name: z.string(), bytes: z.number(), modified_at: timestamp });
export type Dump = Readonly<z.infer<typeof dump>>;

export const AUDIT_SOURCES = ['cli', 'api', 'worker', 'tenant', 'sql'] as const;
export type AuditSource = (typeof AUDIT_SOURCES)[number];

const fields = z.record(z.string(), z.unknown()).nullable();

/** An event of the audit. */
export const auditEvent = z.strictObject({
  id: z.uuid(),
  at: timestamp,
  actor: z.string(),
  source: z.enum(AUDIT_SOURCES),
  address: z.string().nullable(),
  /** Schema of the tenant at that time. Null: the event belongs to no tenant. */
  tenant: z.string().nullable(),
  action: z.string(),
  /** The operation of the API. */
  operation: z.string().nullable(),
  before: fields,
  after: fields,
});
export type AuditEvent = Readonly<z.infer<typeof auditEvent>>;

export const auditPage = z.strictObject({ count: z.number(), results: z.array(auditEvent) });
