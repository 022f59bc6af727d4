import type Router from '@koa/router';
import { z } from 'zod';

import { ApiError } from '../../../errors.ts';
import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { AppMiddleware, State } from '../../../http/state.ts';
import { type OperatorDependencies, operatorOf } from '../operator-stacks.ts';

const dumpItem = z
  .object({ name: z.string(), bytes: z.int(), modified_at: z.iso.datetime() })
  .meta({ id: 'Dump' });

/** Creates the list of dumps for `restore-tenant`. Only superusers may restore, so only they get it. */
export function dumpsRoutes(
  router: Router<State>,
  { operators }: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  resource(router, '/api/dumps', staff, {
    GET: operation(
      {
        id: 'dumps_list',
        summary: 'List the dumps that the worker can restore, the newest first',
        response: z.object({
          is_known: z.boolean().describe('Whether a running worker has OPERATIONS_DIRECTORY.'),
          results: z.array(dumpItem),
        }),
      },
      async (ctx) => {
        if (!operatorOf(ctx).isSuperuser) {
          throw new ApiError('permission_denied', 'You do not have permission to perform this action.');
        }
        const dumps = await operators.dumps();
        ctx.body = { is_known: dumps !== null, results: [...(dumps ?? [])] };
      },
    ),
  });
}
