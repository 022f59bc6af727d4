import type Router from '@koa/router';
import { sql } from 'slonik';
import { z } from 'zod';

import { readVersion } from '../../../config/version.ts';
import type { RouteDependencies } from '../../../definition/dependencies.ts';
import { enterTenant } from '../../../http/enter-tenant.ts';
import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { State } from '../../../http/state.ts';
import { flushEntry } from '../../../tenancy/context/with-tenant.ts';

const user = z
  .object({ id: z.int(), username: z.string(), is_staff: z.boolean(), is_superuser: z.boolean() })
  .strict();

const found = z.object({ name: z.string(), user: user.nullable() }).strict();

/** What the console shows on a host, and to whom. */
const host = z
  .object({
    kind: z.enum(['site', 'tenant']),
    name: z.string(),
    base_domain: z.string(),
    user: user.nullable().describe('Null: the request has no credentials.'),
    impersonated_by: z
      .string()
      .nullable()
      .describe('The id of the operator who acts for the user. Null: the user acts.'),
    permissions: z
      .array(z.object({ name: z.string(), description: z.string() }))
      .describe('The permissions that apps declare. Empty if the user is no superuser.'),
    version: z.string().describe('Version of koa-tenants.'),
  })
  .meta({ id: 'ConsoleHost' });

const selectHost = (userId: string | null) => sql.type(found)`
  select
    t.name,
    case
      when u.id is not null then
        json_build_object(
          'id', u.id,
          'username', u.username,
          'is_staff', u.is_staff,
          'is_superuser', u.is_superuser
        )
    end as user
  from tenancy.my_tenant() as t
  left join users as u on u.id = ${userId}::bigint
`;

/** Creates `/api/console/`: the host, and the user of the credentials. Also serves tenants with an overdue payment. */
export function consoleRoute(
  router: Router<State>,
  {
    stacks,
    tenantDatabase,
    permissions,
    environment: { BASE_DOMAIN },
  }: Pick<RouteDependencies, 'stacks' | 'tenantDatabase' | 'permissions' | 'environment'>,
): void {
  const version = readVersion();
  const declared = Object.entries(permissions).map(([name, description]) => ({ name, description }));
  resource(router, '/api/console', stacks.always.optionalAuth, {
    GET: operation({ summary: 'Get the host of the console', response: host }, async (ctx) => {
      const { state } = ctx;
      const { name, user } = await enterTenant(
        tenantDatabase,
        state,
        { readOnly: true, whileUnpaid: true },
        async (tx) => {
          await flushEntry(tx);
          return tx.one(selectHost(state.caller?.userId ?? null));
        },
      );
      ctx.set('Cache-Control', 'no-store');
      ctx.body = {
        kind: state.tenant.isSite ? 'site' : 'tenant',
        name,
        base_domain: BASE_DOMAIN,
        user,
        impersonated_by: state.caller?.actor ?? null,
        permissions: user?.is_superuser ? declared : [],
        version,
      };
    }),
  });
}
