import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import { OperatorError } from '../../errors.ts';
import { BECOME_OWNER } from '../context/with-owner-tenant.ts';
import { replacePrimaryDomain } from '../registry/domains.ts';
import type { TenancyProject } from '../registry/project.ts';
import { assertOnMain, claimTenant, findTenant } from '../registry/registry.ts';
import type { DomainName, SchemaName, Tenant } from '../registry/tenant.ts';
import { lockTenant } from '../registry/tenant-lock.ts';
import { renameSchema } from './rename-schema.ts';
import { runHooks } from './run-hooks.ts';

export type NewNames = Readonly<{
  schema?: SchemaName | undefined;
  /** Display name. */
  name?: string | undefined;
  /** Becomes the primary domain. */
  domain?: DomainName | undefined;
  /** Whether the previous primary domain is kept as a further one. Otherwise it is released. */
  keepDomain: boolean;
}>;

/**
 * Changes the schema name, display name or primary domain of a tenant, in one transaction. Its id,
 * role, policies, migration history and tokens stay the same.
 *
 * A new schema name blocks requests: those in progress have `blockSeconds` to end, and new ones get
 * status 503.
 * The hook `onRenamed` of the apps of `project` runs in the same transaction.
 *
 * @throws DomainError `tenant_not_found`, `tenant_busy`, `tenant_status_wrong`, `schema_name_taken`,
 *   `domain_taken`, or `precondition_failed` for the schema of a tenant in another database
 */
export async function renameTenant(
  owner: pg.ClientConfig,
  schema: string,
  { schema: to = schema as SchemaName, name, domain, keepDomain }: NewNames,
  blockSeconds: number,
  project: Pick<TenancyProject, 'apps'> = { apps: [] },
): Promise<Tenant> {
  try {
    return await withAdminConnection(owner, async (client) => {
      const tenant = await claimTenant(client, schema);
      if (to !== schema) {
        assertOnMain(tenant);
      }
      if (['moving', 'deleted', 'spare'].includes(tenant.status) || tenant.type === 'site') {
        throw new OperatorError(
          'tenant_status_wrong',
          tenant.type === 'site'
            ? 'The public site cannot be renamed.'
            : `Cannot rename "${schema}": it is in status ${tenant.status}.`,
        );
      }
      if (to !== schema) {
        await lockTenant(client, tenant, blockSeconds);
        await client.query(BECOME_OWNER);
        await renameSchema(client, schema, to);
        await client.query('reset role');
      }
      // One statement, which is one event of the audit.
      await client.query('update public.tenants set schema_name = $2, name = $3 where id = $1', [
        tenant.id,
        to,
        name ?? tenant.name,
      ]);
      if (to !== schema) {
        await runHooks(client, project, 'onRenamed', { ...tenant, schema: to }, { schema });
      }
      if (domain !== undefined) {
        await replacePrimaryDomain(client, tenant, domain, { keep: keepDomain });
      }
      return findTenant(client, to);
    });
  } catch (error) {
    const { constraint } = error as { constraint?: string };
    // The existing schema may be missing in the registry.
    throw hasSqlState(error, SQLSTATE.DUPLICATE_SCHEMA) || constraint === 'tenants__schema_name'
      ? new OperatorError('schema_name_taken', `A schema "${to}" already exists. Choose another name.`)
      : error;
  }
}
