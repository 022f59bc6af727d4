import type Router from '@koa/router';
import { z } from 'zod';

import { choice } from '../../../http/fields/choice.ts';
import { text } from '../../../http/fields/text.ts';
import { operation } from '../../../http/openapi/description.ts';
import { pageOfRows, pageParameters } from '../../../http/openapi/parameters.ts';
import { resource } from '../../../http/resource.ts';
import type { AppMiddleware, State } from '../../../http/state.ts';
import { AUDIT_SOURCES } from '../../../tenancy/operations/fleet-views.ts';
import { type OperatorDependencies, operatorOf } from '../operator-stacks.ts';
import { pageFrom, readQuery } from '../pages.ts';
import { presentTimes } from '../present-times.ts';
import { auditItem } from './fleet-schemas.ts';
import { withoutRowValues } from './without-row-values.ts';

const filters = {
  tenant: text({ max: 100 }).optional(),
  actor: text({ max: 255 }).optional(),
  action: text({ max: 100 }).optional(),
  source: choice(AUDIT_SOURCES).optional(),
};

/** Creates the route of the audit. */
export function auditRoutes(
  router: Router<State>,
  { operators }: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  resource(router, '/api/audit', staff, {
    GET: operation(
      {
        id: 'audit_list',
        summary: 'List the audit, the newest event first',
        description:
          'Superusers also get the values of rows that users of a tenant have changed. Others get `(hidden)` in their place.',
        query: {
          tenant: z.string().optional().describe('Only events of this schema.'),
          actor: z.string().optional().describe('Only events of this operator or user.'),
          action: z.string().optional().describe('Only events with this action.'),
          source: z.enum(AUDIT_SOURCES).optional().describe('Only events from here.'),
          ...pageParameters,
        },
        response: pageOfRows(auditItem, 'numbered'),
      },
      async (ctx) => {
        const given = readQuery(ctx, filters);
        const { isSuperuser } = operatorOf(ctx);
        ctx.body = await pageFrom(
          ctx,
          (page) => operators.audit({ ...given, ...page }),
          (event) => presentTimes(isSuperuser ? event : withoutRowValues(event)),
        );
      },
    ),
  });
}
