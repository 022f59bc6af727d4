import type Router from '@koa/router';
import { z } from 'zod';

import { operatedMember } from '../../../definition/owners.ts';
import { orNotFound, parseIdentifier } from '../../../http/identifier.ts';
import { operation } from '../../../http/openapi/description.ts';
import { pageOfRows, pageParameters } from '../../../http/openapi/parameters.ts';
import { pageOf, pageRequest, windowOf } from '../../../http/page.ts';
import { resource } from '../../../http/resource.ts';
import type { AppMiddleware, State } from '../../../http/state.ts';
import { membersOf } from '../members-of.ts';
import { actorOf, type OperatorDependencies } from '../operator-stacks.ts';
import { throttleOperator } from '../throttle-operator.ts';
import { findServedTenant } from './served-tenant.ts';

/** Creates the routes of the users of a tenant. */
export function membersRoutes(
  router: Router<State>,
  dependencies: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  resource(router, '/api/tenants/:schema/members', staff, {
    GET: operation(
      {
        id: 'tenants_members_list',
        summary: 'List the users of a tenant',
        query: {
          search: z.string().max(500).optional().describe('Words that must occur in the name or address.'),
          ...pageParameters,
        },
        response: pageOfRows(operatedMember, 'numbered'),
        errors: ['not_found', 'conflict', 'tenant_maintenance'],
      },
      async (ctx) => {
        const tenant = await findServedTenant(dependencies, ctx.params.schema);
        const request = pageRequest(ctx.query);
        const { count, rows } = await membersOf(dependencies).listMembers(tenant, {
          query: ctx.query,
          windowOf: (all) => windowOf(request, all),
        });
        ctx.body = pageOf(ctx, request, { count, rows });
      },
    ),
  });

  resource(router, '/api/tenants/:schema/members/:id/reset-password', staff, {
    POST: operation(
      {
        id: 'tenants_members_reset_password',
        summary: 'Mail a user the link to reset the password',
        description:
          'Sends the same mail as the page of the tenant. The response contains neither the link nor a password.',
        body: null,
        response: null,
        errors: ['not_found', 'conflict', 'tenant_maintenance', 'throttled'],
      },
      async (ctx) => {
        await throttleOperator(dependencies, ctx);
        const members = membersOf(dependencies);
        const id = parseIdentifier(ctx.params.id);
        const tenant = await findServedTenant(dependencies, ctx.params.schema);
        const member = orNotFound(await members.findResettable(tenant, id));
        // Recorded first: no mail without an audit event.
        await dependencies.operators.record({
          ...actorOf(ctx),
          tenant: tenant.id,
          action: 'reset-password',
          before: null,
          after: { user_id: member.id, username: member.username },
        });
        await members.sendPasswordReset(tenant, id);
        ctx.status = 204;
      },
    ),
  });
}
