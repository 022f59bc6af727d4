import type Router from '@koa/router';
import { z } from 'zod';

import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { AppMiddleware, State } from '../../../http/state.ts';
import type { OperationKind } from '../../../tenancy/operations/operation-kind.ts';
import { type OperatorDependencies, operatorOf } from '../operator-stacks.ts';
import { kindItem } from './operation-schemas.ts';
import { isAllowed } from './request-operation.ts';

const schemaOf = ({ arguments: schema }: OperationKind): Readonly<Record<string, unknown>> =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });

/** Creates the list of the operations that exist, from which clients build forms. */
export function kindsRoutes(
  router: Router<State>,
  { operators }: OperatorDependencies,
  staff: readonly AppMiddleware[],
): void {
  resource(router, '/api/operation-kinds', staff, {
    GET: operation(
      {
        id: 'operation_kinds_list',
        summary: 'List the kinds of operations, with the schema of their arguments',
        response: z.array(kindItem),
      },
      async (ctx) => {
        const operator = operatorOf(ctx);
        ctx.body = operators.kinds.map((kind) => ({
          kind: kind.kind,
          title: kind.title,
          description: kind.description,
          target: kind.target,
          destroys: kind.destroys,
          arguments: schemaOf(kind),
          is_allowed: isAllowed(kind, operator),
        }));
      },
    ),
  });
}
