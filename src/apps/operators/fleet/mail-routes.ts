import type Router from '@koa/router';
import { z } from 'zod';

import type { MemberService } from '../../../definition/owners.ts';
import { choice } from '../../../http/fields/choice.ts';
import { text } from '../../../http/fields/text.ts';
import { operation } from '../../../http/openapi/description.ts';
import { pageOfRows, pageParameters } from '../../../http/openapi/parameters.ts';
import { resource } from '../../../http/resource.ts';
import type { AppMiddleware, State } from '../../../http/state.ts';
import type { TenantItem } from '../../../tenancy/operations/fleet-views.ts';
import { membersOf } from '../members-of.ts';
import { actorOf, type OperatorDependencies } from '../operator-stacks.ts';
import { pageFrom, readQuery } from '../pages.ts';
import { findServedTenant } from '../tenants/served-tenant.ts';
import { throttleOperator } from '../throttle-operator.ts';
import { mailItem } from './fleet-schemas.ts';

const STATES = ['waiting', 'failed'] as const;
const filters = { search: text({ max: 500 }).optional(), state: choice(STATES).optional() };

const UNCOUNTED = { waiting: null, failed: null, oldest_at: null, next_at: null, last_error: null };

/**
 * Returns the mail of a tenant. A tenant that cannot be entered or read has no counts: in maintenance, without a migration,
 * or in a database that does not respond. The other tenants of the page have theirs.
 */
async function mailOf(
  dependencies: OperatorDependencies,
  members: MemberService,
  { schema, name }: Pick<TenantItem, 'schema' | 'name'>,
): Promise<z.infer<typeof mailItem>> {
  try {
    const tenant = await findServedTenant(dependencies, schema);
    return { schema, name, ...(await members.countMail(tenant)) };
  } catch {
    return { schema, name, ...UNCOUNTED };
  }
}

/** Creates the routes of mail that is not sent yet. They return no content and no addresses. */
export function mailRoutes(
  router: Router<State>,
  dependencies: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  const { operators } = dependencies;

  resource(router, '/api/mail', staff, {
    GET: operation(
      {
        id: 'mail_list',
        summary: 'Count the mail of tenants that is not sent yet',
        query: {
          search: z.string().max(500).optional().describe('Text in the schema, the name or a domain.'),
          state: z
            .enum(STATES)
            .optional()
            .describe('Only tenants with mail that waits, or with mail that failed.'),
          ...pageParameters,
        },
        response: pageOfRows(mailItem, 'numbered'),
      },
      async (ctx) => {
        const members = membersOf(dependencies);
        const { search, state } = readQuery(ctx, filters);
        const due = state && members.mailWork[state];
        const page = await pageFrom(
          ctx,
          (window) => operators.tenants({ search, due, ...window }),
          ({ schema, name }) => ({ schema, name }),
        );
        const results: Array<z.infer<typeof mailItem>> = [];
        // One after the other: a page of counts must not take every connection.
        for (const tenant of page.results) {
          results.push(await mailOf(dependencies, members, tenant));
        }
        ctx.body = { ...page, results };
      },
    ),
  });

  resource(router, '/api/mail/:schema/retry', staff, {
    POST: operation(
      {
        id: 'mail_retry',
        summary: 'Try the failed mail of a tenant again',
        body: null,
        response: z.object({ retried: z.int() }),
        errors: ['not_found', 'conflict', 'tenant_maintenance', 'throttled'],
      },
      async (ctx) => {
        await throttleOperator(dependencies, ctx);
        const members = membersOf(dependencies);
        const tenant = await findServedTenant(dependencies, ctx.params.schema ?? '');
        await operators.record({
          ...actorOf(ctx),
          tenant: tenant.id,
          action: 'retry-mail',
          before: null,
          after: null,
        });
        ctx.body = { retried: await members.retryMail(tenant) };
      },
    ),
  });
}
