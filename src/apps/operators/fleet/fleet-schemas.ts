import { z } from 'zod';

const at = z.iso.datetime();
const values = z.record(z.string(), z.unknown());
const count = z.int().min(0);

const slowTenant = z.object({
  schema: z.string(),
  requests: count,
  /** Responses with status 5xx. */
  errors: count,
  mean_ms: z.number(),
  database_ms: z.number(),
});

/** Requests of the last 15 minutes. */
const requests = z.object({
  processes: count,
  seconds: z.number(),
  count,
  client_errors: count,
  errors: count,
  p50_ms: z.number(),
  p95_ms: z.number(),
  p99_ms: z.number(),
});

export const fleet = z
  .object({
    tenants: z.object({ by_status: z.record(z.string(), count) }),
    versions: z.array(z.object({ version: z.string().nullable(), count })),
    /** Tenants that lack a migration of the running service. */
    behind: count,
    failed_migrations: z.array(
      z.object({ schema: z.string(), migration: z.string().nullable(), message: z.string(), at }),
    ),
    /** Result of the last operation `drift`. Null: none has run. */
    drift: z.object({ at, result: values }).nullable(),
    largest: z.array(z.object({ schema: z.string(), bytes: z.number() })),
    slowest: z.array(slowTenant),
    requests,
    operations: z.object({ queued: count, running: count, failed_today: count }),
    /** Tenants with mail that waits, and tenants with mail that failed. */
    mail: z.object({ waiting: count, failed: count }),
    worker: z.object({ seen_at: at.nullable(), is_running: z.boolean() }),
  })
  .meta({ id: 'Fleet' });

export const mailItem = z
  .object({
    schema: z.string(),
    name: z.string(),
    /** Null: the mail cannot be counted, because the tenant is not served or lacks a migration. */
    waiting: count.nullable(),
    failed: count.nullable(),
    oldest_at: z.date().nullable(),
    next_at: z.date().nullable(),
    last_error: z.string().nullable(),
  })
  .meta({ id: 'TenantMail' });

export const auditItem = z
  .object({
    id: z.uuid(),
    at,
    actor: z.string(),
    source: z.string(),
    address: z.string().nullable(),
    /** The schema at the time of the event. */
    tenant: z.string().nullable(),
    action: z.string(),
    operation: z.uuid().nullable(),
    /** Declared fields before the change. Null: not known, or nothing existed. */
    before: values.nullable(),
    after: values.nullable(),
  })
  .meta({ id: 'AuditEvent' });
