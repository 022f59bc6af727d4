import type Router from '@koa/router';
import { z } from 'zod';

import { boolean } from '../../../http/fields/boolean.ts';
import { text } from '../../../http/fields/text.ts';
import { orNotFound } from '../../../http/identifier.ts';
import { lastValue } from '../../../http/lists/parameters.ts';
import { operation } from '../../../http/openapi/description.ts';
import { pageOfRows, pageParameters } from '../../../http/openapi/parameters.ts';
import { resource } from '../../../http/resource.ts';
import type { AppMiddleware, Context, State } from '../../../http/state.ts';
import { TENANT_ORDERS, type TenantOrder } from '../../../tenancy/operations/operators.ts';
import { type OperatorDependencies, operatorOf } from '../operator-stacks.ts';
import { pageFrom, readQuery } from '../pages.ts';
import { presentTimes } from '../present-times.ts';
import { showFailure } from '../show-failure.ts';
import { tenantDetail, tenantItem } from './tenant-schemas.ts';

const filters = {
  search: text({ max: 500 }).optional(),
  status: text({ max: 100 }).optional(),
  version: text({ max: 255 }).optional(),
  plan: text({ max: 100 }).optional(),
  failed: boolean().optional(),
};

/** Returns the order of `?ordering=-created_at`. Unknown fields are ignored, and the first known one is used. */
function orderingOf(ctx: Context): Readonly<{ order: TenantOrder; descending: boolean }> {
  for (const given of (lastValue(ctx.query, 'ordering') ?? '').split(',', 100)) {
    const name = given.trim();
    const order = TENANT_ORDERS.find((each) => each === name.replace(/^-/, ''));
    if (order) {
      return { order, descending: name.startsWith('-') };
    }
  }
  return { order: 'schema', descending: false };
}

/** Creates the list of tenants and the page of one. */
export function tenantsRoutes(
  router: Router<State>,
  { operators }: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  resource(router, '/api/tenants', staff, {
    GET: operation(
      {
        id: 'tenants_list',
        summary: 'List tenants',
        query: {
          search: z.string().max(500).optional().describe('Text in the schema, the name or a domain.'),
          status: z.string().optional().describe('Only tenants with this status.'),
          version: z.string().optional().describe('Only tenants whose last migration has this name.'),
          plan: z.string().optional().describe('Only tenants with this plan.'),
          failed: z.boolean().optional().describe('Only tenants whose migration failed, or only the others.'),
          ordering: z
            .string()
            .optional()
            .describe(
              `The field by which tenants are ordered: ${TENANT_ORDERS.map((name) => `\`${name}\``).join(', ')}. With \`-\` in descending order. Default: \`schema\`.`,
            ),
          ...pageParameters,
        },
        response: pageOfRows(tenantItem, 'numbered'),
      },
      async (ctx) => {
        const given = { ...readQuery(ctx, filters), ...orderingOf(ctx) };
        ctx.body = await pageFrom(ctx, (page) => operators.tenants({ ...given, ...page }), presentTimes);
      },
    ),
  });

  resource(router, '/api/tenants/:schema', staff, {
    GET: operation(
      { id: 'tenants_retrieve', summary: 'Get a tenant', response: tenantDetail },
      async (ctx) => {
        const {
          id: _id,
          settings,
          last_error: failure,
          ...tenant
        } = orNotFound(await operators.tenant(ctx.params.schema ?? ''));
        ctx.body = {
          ...presentTimes({ ...tenant, last_error: failure && showFailure(failure, operatorOf(ctx)) }),
          // A setting may have no value.
          settings: settings.map((each) => ({
            ...each,
            value: each.value ?? null,
            default: each.default ?? null,
          })),
        };
      },
    ),
  });
}
