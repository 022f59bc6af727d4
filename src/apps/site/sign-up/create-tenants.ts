import type pg from 'pg';

import type { JobDependencies } from '../../../definition/dependencies.ts';
import type { Owners, PreparedOwner } from '../../../definition/owners.ts';
import { OperatorError } from '../../../errors.ts';
import { insideAsOwner, withTenantAsOwner } from '../../../tenancy/context/with-owner-tenant.ts';
import { provisionOn } from '../../../tenancy/lifecycle/provision-on.ts';
import { chooseDatabase, MAIN } from '../../../tenancy/registry/databases.ts';
import { parseDomainName, parseSchemaName, SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';
import type { environment } from '../settings.ts';
import { schemaOf } from './slug.ts';

type Waiting = Readonly<{ id: string; slug: string; name: string; owner: PreparedOwner }>;

/**
 * Takes the oldest sign-up that waits, for two minutes: if the worker ends in between, another one continues. Deletes
 * sign-ups that expired, and finished ones after a week.
 */
const takeSignUp = async (client: pg.ClientBase): Promise<Waiting | undefined> => {
  await client.query(
    `delete from signups as s
     where s.expires_at < now() - case when s.state = 'unconfirmed' then interval '0' else interval '7 days' end
       and s.state <> 'waiting'`,
  );
  const { rows } = await client.query<Waiting>(
    `update signups as s
     set taken_at = clock_timestamp()
     where s.id = (
       select w.id
       from signups as w
       where w.state = 'waiting'
         and (w.taken_at is null or w.taken_at < clock_timestamp() - interval '2 minutes')
       order by w.created_at
       limit 1
       for update skip locked
     )
     returning s.id, s.slug, s.name, s.owner`,
  );
  return rows[0];
};

/**
 * Creates the tenants of confirmed sign-ups, each from a spare if there is one, with its first user. The registry decides
 * which of two sign-ups gets a name.
 */
export async function createTenants(
  { project, databases, environment: { BASE_DOMAIN } }: JobDependencies<typeof environment>,
  owners: Owners,
  signal: AbortSignal,
): Promise<Readonly<{ created: number; taken: number }>> {
  const main = chooseDatabase(databases, MAIN);
  const counts = { created: 0, taken: 0 };

  const create = async ({ slug, name, owner }: Waiting): Promise<boolean> => {
    const schema = parseSchemaName(schemaOf(slug));
    const tenant = { schema, name, domains: [parseDomainName(`${slug}.${BASE_DOMAIN}`)] };
    try {
      await provisionOn(main.owner, { ...main, project }, tenant, null, (client) =>
        insideAsOwner(client, tenant, () => owners.addOwner(client, owner)),
      );
      return true;
    } catch (error) {
      if (!(error instanceof OperatorError) || !/^(?:schema_name|domain)_taken$/.test(error.code)) {
        throw error;
      }
      // A worker that ended after the creation may have left the sign-up waiting.
      return await withTenantAsOwner(main.owner, schema, (client) => owners.hasOwner(client, owner)).catch(
        () => false,
      );
    }
  };

  while (!signal.aborted) {
    const waiting = await withTenantAsOwner(main.owner, SITE_SCHEMA, takeSignUp);
    if (!waiting) {
      break;
    }
    const isCreated = await create(waiting);
    counts[isCreated ? 'created' : 'taken'] += 1;
    await withTenantAsOwner(main.owner, SITE_SCHEMA, (client) =>
      client.query(
        `update signups as s
         set
           state = $2,
           owner = case when $2 = 'taken' then s.owner end
         where s.id = $1
           and s.state = 'waiting'`,
        [waiting.id, isCreated ? 'ready' : 'taken'],
      ),
    );
  }
  return counts;
}
