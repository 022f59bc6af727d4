import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import type { TenancyProject } from './project.ts';
import { noSuchTenant } from './registry.ts';
import { parseOverrides, settingsSchemaOf } from './tenant-settings.ts';

/**
 * Changes the settings that a tenant overrides, and returns all overrides. Running processes apply
 * them immediately.
 *
 * @throws DomainError `configuration_invalid` or `tenant_not_found`; nothing is changed then
 */
export async function changeSettings(
  project: TenancyProject,
  owner: pg.ClientConfig,
  schema: string,
  { set, unset }: { set: Readonly<Record<string, string>>; unset: readonly string[] },
): Promise<Readonly<Record<string, unknown>>> {
  return withAdminConnection(owner, async (client) => {
    const { rows } = await client.query<{ settings: Record<string, unknown> }>(
      `select t.settings
       from public.tenants as t
       where t.schema_name = $1
       for no key update`,
      [schema],
    );
    if (!rows[0]) {
      throw noSuchTenant(schema);
    }
    const remaining = Object.entries({ ...rows[0].settings, ...set }).filter(
      ([name]) => !unset.includes(name),
    );
    const settings = Object.fromEntries(remaining);
    parseOverrides(settingsSchemaOf(project), settings);
    if (Object.keys(set).length + unset.length > 0) {
      await client.query('update public.tenants set settings = $2 where schema_name = $1', [
        schema,
        settings,
      ]);
    }
    return settings;
  });
}
