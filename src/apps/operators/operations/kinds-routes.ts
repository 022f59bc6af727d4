import type Router from '@koa/router';
import { z } from 'zod';

import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { AppMiddleware, State } from '../../../http/state.ts';
import { needsSuperuser } from '../../../tenancy/operations/needs-superuser.ts';
import type { OperationKind } from '../../../tenancy/operations/operation-kind.ts';
import { SITE_SCHEMA } from '../../../tenancy/registry/tenant.ts';
import { type Operator, type OperatorDependencies, operatorOf } from '../operator-stacks.ts';
import { kindItem } from './operation-schemas.ts';

/** Returns the JSON Schema of the arguments that an operator may set. */
function schemaOf(
  { arguments: schema, superuserOnly }: OperationKind,
  { isSuperuser }: Operator,
): Readonly<Record<string, unknown>> {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const properties = Object.entries(json.properties ?? {}).filter(
    ([name]) => isSuperuser || !superuserOnly.arguments.includes(name),
  );
  return { ...json, properties: Object.fromEntries(properties) };
}

/** Returns the targets for which an operator may request operations of a kind. */
function allowedTargets(kind: OperationKind, { isSuperuser }: Operator): Array<'tenant' | 'site' | 'fleet'> {
  const targets = {
    fleet: ['fleet'],
    tenant: ['tenant'],
    'tenant-or-site': ['tenant', 'site'],
    'tenant-or-fleet': ['tenant', 'fleet'],
  } as const;
  const schemas = { tenant: 'tenant', site: SITE_SCHEMA, fleet: null };
  return targets[kind.target].filter((target) => isSuperuser || !needsSuperuser(kind, schemas[target], {}));
}

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
          statuses: [...kind.statuses],
          arguments: schemaOf(kind, operator),
          allowed_targets: allowedTargets(kind, operator),
        }));
      },
    ),
  });
}
