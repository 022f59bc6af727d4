import { provisionOn } from '../../../src/tenancy/lifecycle/provision-on.ts';
import type { Database } from '../../../src/tenancy/registry/databases.ts';
import { parseDomainName, parseSchemaName, type TenantId } from '../../../src/tenancy/registry/tenant.ts';
import type { World } from '../../helpers/world.ts';

/** Creates a tenant on one of the world's `DATABASES`, whose host is named after its schema. */
export const createOn = (world: World, database: Database, schema: string): Promise<TenantId> =>
  provisionOn(
    world.owner,
    { ...database, project: world.fleet.project },
    {
      schema: parseSchemaName(schema),
      name: schema,
      domains: [parseDomainName(`${schema.replaceAll('_', '-')}.localhost`)],
    },
  );
