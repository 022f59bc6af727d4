import type pg from 'pg';

import type { Finding } from '../../db/checks.ts';
import { DomainError } from '../../errors.ts';
import type { TenancyProject } from '../registry/project.ts';
import { parseOverrides, settingsSchemaOf } from '../registry/tenant-settings.ts';

/**
 * Returns findings for tenants with invalid settings in their row. Their requests fail with status 500
 * until the row is fixed.
 */
export async function checkSettings(
  client: pg.ClientBase,
  project: TenancyProject,
): Promise<readonly Finding[]> {
  const { rows } = await client.query<{ schema_name: string; settings: Record<string, unknown> }>(`
    select t.schema_name, t.settings
    from public.tenants as t
    where t.settings <> '{}'
    order by t.schema_name
  `);
  const schema = settingsSchemaOf(project);
  return rows.flatMap(({ schema_name, settings }) => {
    try {
      parseOverrides(schema, settings);
      return [];
    } catch (error) {
      if (!(error instanceof DomainError)) {
        throw error;
      }
      return [
        {
          check: 'tenant-settings',
          severity: 'fault' as const,
          object: `tenant ${schema_name}`,
          fault: `has invalid settings: ${error.message.split('. ')[0]}`,
          remedy: `tenants settings --schema ${schema_name} --unset NAME, or --set NAME=value`,
        },
      ];
    }
  });
}
