import { sql } from 'slonik';
import { z } from 'zod';
import type { ResolvedTenant } from '../registry/tenant.ts';
import { effectiveSettings, type SettingsSchema, type TenantSettings } from '../registry/tenant-settings.ts';
import { type TenantDatabase, withTenant } from './with-tenant.ts';

/**
 * Returns the effective settings of a tenant: the environment's values, overridden by those of its
 * row. Includes the settings of apps.
 */
export type SettingsOf<Settings = TenantSettings> = (tenant: ResolvedTenant) => Promise<Settings>;

const row = z.object({ settings: z.record(z.string(), z.unknown()) }).strict();

/**
 * Creates a function that reads settings inside the tenant and caches them as long as the directory
 * caches the `ResolvedTenant`. A change notification creates a new object, which has no cached
 * settings.
 *
 * The returned function throws OperatorError `configuration_invalid` for a row with invalid settings:
 * requests of such a tenant get 500.
 */
export function createSettingsOf({
  tenantDatabase,
  schema,
  defaults,
}: {
  tenantDatabase: TenantDatabase;
  schema: SettingsSchema;
  defaults: TenantSettings;
}): SettingsOf {
  const known = new WeakMap<ResolvedTenant, Promise<TenantSettings>>();

  const read = async (tenant: ResolvedTenant): Promise<TenantSettings> => {
    const { settings } = await withTenant(tenantDatabase, { tenant: tenant.id, readOnly: true }, (tx) =>
      tx.one(sql.type(row)`
        select settings
        from tenancy.my_tenant()
      `),
    );
    return effectiveSettings(schema, defaults, tenant, settings);
  };

  return function settingsOf(tenant) {
    const cached = known.get(tenant);
    if (cached) {
      return cached;
    }
    const fresh = read(tenant);
    known.set(tenant, fresh);
    fresh.catch(() => known.delete(tenant));
    return fresh;
  };
}
