import type Router from '@koa/router';
import { z } from 'zod';

import { ApiError } from '../../../errors.ts';
import { readBody } from '../../../http/body/validate.ts';
import { choice } from '../../../http/fields/choice.ts';
import { text } from '../../../http/fields/text.ts';
import { originOf } from '../../../http/host.ts';
import { IDEMPOTENCY_HEADERS } from '../../../http/idempotency.ts';
import { isUuid, notFound, orNotFound } from '../../../http/identifier.ts';
import { operation } from '../../../http/openapi/description.ts';
import { pageOfRows, pageParameters } from '../../../http/openapi/parameters.ts';
import { resource } from '../../../http/resource.ts';
import type { AppMiddleware, Context, State } from '../../../http/state.ts';
import { OPERATION_STATUSES } from '../../../tenancy/operations/operation.ts';
import { actorOf, type OperatorDependencies, operatorOf } from '../operator-stacks.ts';
import { pageFrom, readQuery } from '../pages.ts';
import { presentTimes } from '../present-times.ts';
import { throttleOperator } from '../throttle-operator.ts';
import { operationItem } from './operation-schemas.ts';
import { assertAllowed, confirmation, operationRequest, readRequest } from './request-operation.ts';

const filters = {
  tenant: text({ max: 100 }).optional(),
  status: choice(OPERATION_STATUSES).optional(),
  kind: text({ max: 100 }).optional(),
};

/** @throws ApiError `not_found` for a text that cannot be an id */
function idOf(ctx: Context): string {
  const id = ctx.params.operation ?? '';
  if (!isUuid(id)) {
    throw notFound();
  }
  return id;
}

/** Creates the routes that list and request operations. */
function listRoute(
  router: Router<State>,
  dependencies: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  const { operators } = dependencies;

  resource(router, '/api/operations', staff, {
    GET: operation(
      {
        id: 'operations_list',
        summary: 'List operations, the newest first',
        query: {
          tenant: z.string().optional().describe('Only those of this schema.'),
          status: z.enum(OPERATION_STATUSES).optional().describe('Only those with this status.'),
          kind: z.string().optional().describe('Only those of this kind.'),
          ...pageParameters,
        },
        response: pageOfRows(operationItem, 'numbered'),
      },
      async (ctx) => {
        const given = readQuery(ctx, filters);
        ctx.body = await pageFrom(ctx, (page) => operators.list({ ...given, ...page }), presentTimes);
      },
    ),
    POST: operation(
      {
        id: 'operations_create',
        summary: 'Request an operation',
        description:
          'The worker runs it. Kinds that destroy need a superuser, and the schema name in `confirm`: `/api/operation-kinds/`.',
        body: operationRequest,
        mediaTypes: ['application/json'],
        response: operationItem,
        status: 202,
        responses: {
          202: {
            description: 'The operation is recorded, and waits for the worker.',
            content: { 'application/json': operationItem },
            headers: { Location: 'URL of the operation' },
          },
        },
        headers: IDEMPOTENCY_HEADERS,
        errors: ['throttled', 'conflict', 'idempotency_key_invalid', 'idempotency_key_reused'],
      },
      async (ctx) => {
        const request = readRequest(operators, ctx);
        await throttleOperator(dependencies, ctx);
        const { isRepeated, ...recorded } = await operators.request(request);
        ctx.status = 202;
        if (isRepeated) {
          ctx.set('Idempotent-Replayed', 'true');
        }
        ctx.set('Location', `${originOf(ctx)}/api/operations/${recorded.id}/`);
        ctx.body = presentTimes(recorded);
      },
    ),
  });
}

/** Creates the route that cancels an operation. */
function cancelRoute(
  router: Router<State>,
  dependencies: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  const { operators } = dependencies;

  resource(router, '/api/operations/:operation/cancel', staff, {
    POST: operation(
      {
        id: 'operations_cancel',
        summary: 'Cancel an operation',
        description:
          'A queued operation is canceled. A running one ends after its current step, if its kind can.',
        body: null,
        response: operationItem,
        errors: ['throttled', 'conflict'],
      },
      async (ctx) => {
        await throttleOperator(dependencies, ctx);
        const id = idOf(ctx);
        orNotFound(await operators.find(id));
        if (!(await operators.cancel(id, actorOf(ctx)))) {
          throw new ApiError(
            'conflict',
            'The operation has ended, or its kind cannot be canceled while it runs.',
          );
        }
        ctx.body = presentTimes(orNotFound(await operators.find(id)));
      },
    ),
  });
}

/** Creates the route that runs an operation again. */
function retryRoute(
  router: Router<State>,
  dependencies: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  const { operators } = dependencies;

  resource(router, '/api/operations/:operation/retry', staff, {
    POST: operation(
      {
        id: 'operations_retry',
        summary: 'Run a failed or canceled operation again',
        body: confirmation,
        mediaTypes: ['application/json'],
        response: operationItem,
        status: 202,
        errors: ['throttled', 'conflict'],
      },
      async (ctx) => {
        await throttleOperator(dependencies, ctx);
        const { id, kind: name, tenant, arguments: given } = orNotFound(await operators.find(idOf(ctx)));
        const kind = operators.kinds.find((each) => each.kind === name);
        if (kind) {
          const { confirm } = readBody(ctx, confirmation);
          assertAllowed(kind, operatorOf(ctx), { tenant, arguments: given, confirm });
        }
        if (!(await operators.retry(id, actorOf(ctx)))) {
          throw new ApiError('conflict', 'Only an operation that failed or was canceled can run again.');
        }
        ctx.status = 202;
        ctx.body = presentTimes(orNotFound(await operators.find(id)));
      },
    ),
  });
}

/** Creates the routes of operations: request, list, watch, cancel, and retry. */
export function operationsRoutes(
  router: Router<State>,
  dependencies: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  listRoute(router, dependencies, staff);
  resource(router, '/api/operations/:operation', staff, {
    GET: operation(
      { id: 'operations_retrieve', summary: 'Get an operation with its log', response: operationItem },
      async (ctx) => {
        ctx.body = presentTimes(orNotFound(await dependencies.operators.find(idOf(ctx))));
      },
    ),
  });
  cancelRoute(router, dependencies, staff);
  retryRoute(router, dependencies, staff);
}
