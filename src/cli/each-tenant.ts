import type pg from 'pg';

import { withOwner } from '../db/owner-client.ts';
import { listTenants } from '../tenancy/registry.ts';
import { parseSchemaOrSite, SITE_SCHEMA } from '../tenancy/tenant.ts';
import { withOwnerTenant } from '../tenancy/with-owner-tenant.ts';
import type { CliDeps } from './command.ts';

/**
 * Runs `work` inside one tenant, or inside the public site and every tenant that
 * is not deleted, one transaction each; answers what it answered, by schema.
 */
export async function inEachTenant<T>(
  owner: pg.ClientConfig,
  { schema, title, progress }: { schema: string | undefined; title: string; progress: CliDeps['progress'] },
  work: (client: pg.Client) => Promise<T>,
): Promise<ReadonlyMap<string, T>> {
  const schemas =
    schema === undefined
      ? [
          SITE_SCHEMA,
          ...(await withOwner(owner, listTenants))
            .filter(({ status }) => status !== 'deleted')
            .map(({ schema_name }) => schema_name),
        ]
      : [parseSchemaOrSite(schema)];
  const answers = new Map<string, T>();
  const bar = progress(title, schemas.length);
  try {
    for (const name of schemas) {
      answers.set(name, await withOwnerTenant(owner, name, work));
      bar.step(name);
    }
  } finally {
    bar.stop();
  }
  return answers;
}
