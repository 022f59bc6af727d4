import type { Tenant } from '../../tenancy/registry/tenant.ts';

/** Returns the object that `--json` prints for a tenant. Its names are the columns of `public.tenants`. */
export const tenantRecord = (tenant: Tenant): Readonly<Record<string, unknown>> => ({
  id: tenant.id,
  schema_name: tenant.schema,
  role_name: tenant.role,
  name: tenant.name,
  status: tenant.status,
  type: tenant.type,
  database: tenant.database,
  on_trial: tenant.onTrial,
  paid_until: tenant.paidUntil,
  settings: tenant.settings,
  key_generation: tenant.keyGeneration,
  migrated_to: tenant.migratedTo,
  domains: tenant.domains,
  retry_after: tenant.retryAfter,
  deleted_at: tenant.deletedAt,
  purge_after: tenant.purgeAfter,
  purge_started_at: tenant.purgeStartedAt,
  created_at: tenant.createdAt,
});
