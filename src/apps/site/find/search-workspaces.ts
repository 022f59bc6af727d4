import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import type { JobDependencies } from '../../../definition/dependencies.ts';
import type { Owners } from '../../../definition/owners.ts';
import { withTenantAsOwner } from '../../../tenancy/context/with-owner-tenant.ts';
import { chooseDatabase, MAIN } from '../../../tenancy/registry/databases.ts';
import { listTenants } from '../../../tenancy/registry/registry.ts';
import { SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';
import type { environment } from '../settings.ts';

type Workspace = Readonly<{ name: string; domain: string }>;

/** Requests that one search of all tenants serves. */
const BATCH = 1_000;
/** Workspaces that a mail lists. */
const MAX_LISTED = 100;

/**
 * Searches every active tenant for the addresses of all waiting requests, and makes the mails due. Returns their number. A
 * request without a result is deleted, and no mail is sent.
 */
export async function searchWorkspaces(
  { databases }: JobDependencies<typeof environment>,
  owners: Owners,
  signal: AbortSignal,
): Promise<number> {
  const main = chooseDatabase(databases, MAIN);
  const { rows: requests } = await withTenantAsOwner(main.owner, SITE_SCHEMA, (client) =>
    client.query<{ id: string; address: string }>(
      `select w.id, lower(w.email) as address
       from workspace_searches as w
       where w.found is null
       order by w.id
       limit $1`,
      [BATCH],
    ),
  );
  if (requests.length === 0) {
    return 0;
  }
  const addresses = [...new Set(requests.map(({ address }) => address))];
  const found = new Map<string, Workspace[]>(addresses.map((address) => [address, []]));
  const tenants = await withAdminConnection(main.owner, listTenants);
  for (const {
    schema,
    name,
    domains: [domain],
    database,
    status,
  } of tenants) {
    if (signal.aborted) {
      return 0;
    }
    if (status !== 'active' || domain === undefined) {
      continue;
    }
    const known = await withTenantAsOwner(chooseDatabase(databases, database).owner, schema, (client) =>
      owners.findAddresses(client, addresses),
    );
    for (const address of known) {
      found.get(address)?.push({ name, domain });
    }
  }
  return withTenantAsOwner(main.owner, SITE_SCHEMA, async (client) => {
    let mails = 0;
    for (const { id, address } of requests) {
      const workspaces = (found.get(address) ?? []).slice(0, MAX_LISTED);
      await (workspaces.length === 0
        ? client.query('delete from workspace_searches where id = $1', [id])
        : client.query('update workspace_searches set found = $2, mail_due_at = now() where id = $1', [
            id,
            JSON.stringify(workspaces),
          ]));
      mails += workspaces.length === 0 ? 0 : 1;
    }
    return mails;
  });
}
