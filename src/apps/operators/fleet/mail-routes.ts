import type Router from '@koa/router';
import { z } from 'zod';

import { databaseFields, translateViolation } from '../../../db/violations.ts';
import type { MemberService } from '../../../definition/owners.ts';
import { ApiError } from '../../../errors.ts';
import { choice } from '../../../http/fields/choice.ts';
import { text } from '../../../http/fields/text.ts';
import { operation } from '../../../http/openapi/description.ts';
import { pageOfRows, pageParameters } from '../../../http/openapi/parameters.ts';
import { resource } from '../../../http/resource.ts';
import type { AppMiddleware, State } from '../../../http/state.ts';
import { describeError } from '../../../observability/describe-error.ts';
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

/** Codes of tenants that are not served now. Their state is in the list of tenants. */
const NOT_SERVED: ReadonlySet<string> = new Set([
  'conflict',
  'not_found',
  'tenant_busy',
  'tenant_maintenance',
  'tenant_not_found',
]);

/**
 * Returns the mail of a tenant. A tenant that is not served, or whose tables cannot be read, has no counts, so that the
 * other tenants of the page have theirs. A fault of the database is logged.
 */
async function mailOf(
  dependencies: OperatorDependencies,
  members: MemberService,
  { schema, name }: Pick<TenantItem, 'schema' | 'name'>,
): Promise<z.infer<typeof mailItem>> {
  try {
    const tenant = await findServedTenant(dependencies, schema);
    return { schema, name, ...(await members.countMail(tenant)) };
  } catch (thrown) {
    const error = translateViolation(thrown);
    if (!(error instanceof ApiError) && !databaseFields(thrown)) {
      throw thrown;
    }
    if (!(error instanceof ApiError && NOT_SERVED.has(error.code))) {
      dependencies.log.warn('the mail of a tenant was not counted', { schema, error: describeError(thrown) });
    }
    return { schema, name, ...UNCOUNTED };
  }
}

/** Creates the route that counts the mail of the tenants. It returns no content and no addresses. */
function listMail(
  router: Router<State>,
  dependencies: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
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
          (window) => dependencies.operators.tenants({ search, due, ...window }),
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
}

/** Creates the route that makes failed mail due again. */
function retryMail(
  router: Router<State>,
  dependencies: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
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
        await dependencies.operators.record({
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

/** Creates the routes of mail that is not sent yet. */
export function mailRoutes(...route: Parameters<typeof listMail>): void {
  listMail(...route);
  retryMail(...route);
}
