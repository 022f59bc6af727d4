import type pg from 'pg';

import { insideAsOwner } from '../context/with-owner-tenant.ts';
import { chooseDatabase, MAIN } from '../registry/databases.ts';
import type { Databases } from '../registry/locate-tenant.ts';
import type { TenancyProject } from '../registry/project.ts';
import type { TenantId } from '../registry/tenant.ts';
import type { NewTenant } from './new-tenant.ts';
import { provisionOn } from './provision-on.ts';

/**
 * Creates a tenant in one of the databases. The functions of `insertRows` insert rows inside it, in the transaction that
 * creates it, so that both exist or neither.
 *
 * @throws OperatorError `schema_name_taken`, `domain_taken`, or `usage_invalid` for an unknown database
 */
export async function createTenant(
  databases: Databases,
  project: TenancyProject,
  tenant: NewTenant,
  {
    database,
    insertRows = [],
  }: Readonly<{ database: string; insertRows?: ReadonlyArray<(client: pg.ClientBase) => Promise<void>> }>,
): Promise<TenantId> {
  const placement = chooseDatabase(databases, database);
  return provisionOn(
    chooseDatabase(databases, MAIN).owner,
    { ...placement, project },
    tenant,
    null,
    async (client) => {
      for (const insert of insertRows) {
        await insideAsOwner(client, tenant, () => insert(client));
      }
    },
  );
}
