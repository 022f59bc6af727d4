import { sql } from 'slonik';
import { z } from 'zod';
import type { Tenant } from '../registry/tenant.ts';
import { effectiveSettings, type SettingsSchema, type TenantSettings } from '../registry/tenant-settings.ts';
import { type TenantDatabase, withTenant } from './with-tenant.ts';

/** Returns what holds for one tenant: the environment's values, and its row's over them. Apps see theirs too. */
export type SettingsOf<Settings = TenantSettings> = (tenant: Tenant) => Promise<Settings>;

const row = z.object({ settings: z.record(z.string(), z.unknown()) }).strict();

/**
 * Reads settings from inside the tenant, and remembers them as long as the
 * directory remembers the tenant: an announced change makes a new `Tenant`, and
 * that has nothing remembered.
 *
 * What it answers throws `configuration_invalid` for a row that cannot be
 * understood: that tenant is not served by guesses.
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
  const known = new WeakMap<Tenant, Promise<TenantSettings>>();

  const read = async (tenant: Tenant): Promise<TenantSettings> => {
    const { settings } = await withTenant(tenantDatabase, { tenant: tenant.id, readOnly: true }, (tx) =>
      tx.one(sql.type(row)`
        select settings
        from tenancy.my_tenant()
      `),
    );
    return effectiveSettings(schema, defaults, tenant, settings);
  };

  return async function settingsOf(tenant) {
    const remembered = known.get(tenant);
    if (remembered) {
      return remembered;
    }
    const fresh = read(tenant);
    known.set(tenant, fresh);
    fresh.catch(() => known.delete(tenant));
    return fresh;
  };
}
