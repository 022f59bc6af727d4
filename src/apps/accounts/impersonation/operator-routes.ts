import type Router from '@koa/router';
import { z } from 'zod';

import { ApiError, ValidationFailed } from '../../../errors.ts';
import { callerOf } from '../../../http/authentication.ts';
import { readBody } from '../../../http/body/validate.ts';
import { text } from '../../../http/fields/text.ts';
import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { State } from '../../../http/state.ts';
import type { Directory } from '../../../tenancy/context/directory.ts';
import type { Operators } from '../../../tenancy/operations/operators.ts';
import { insertImpersonation, issuedId } from '../audit-queries.ts';
import { type AccountDependencies, type MiddlewareStack, read, write } from '../dependencies.ts';
import { createImpersonationToken } from '../sessions/tokens.ts';
import { findAccount } from '../users/account-queries.ts';
import { MAX_RAW_NAME } from '../users/fields.ts';

const body = z
  .object({ domain: text({ max: 253 }), username: text({ max: MAX_RAW_NAME }) })
  .meta({ id: 'ImpersonationRequest' });
const response = z
  .object({ token: z.string(), domain: z.string(), username: z.string() })
  .meta({ id: 'Impersonation' });

/**
 * Creates `/api/tenants/impersonate/` on the public host, with which a superuser of the site can
 * act for one user of one tenant. The tenant's host checks that the user exists: the public host
 * cannot read a tenant.
 */
export function operatorRoutes(
  router: Router<State>,
  dependencies: Pick<AccountDependencies, 'tenantDatabase' | 'secrets'>,
  { identified }: Pick<MiddlewareStack, 'identified'>,
  {
    directory,
    operators,
  }: Readonly<{ directory: Pick<Directory, 'find'>; operators: Pick<Operators, 'record'> }>,
): void {
  resource(router, '/api/tenants/impersonate', identified, {
    POST: operation(
      {
        id: 'tenants_impersonate',
        summary: 'Act for a user of a tenant',
        description:
          "Returns a token for `/api/auth/jwt/impersonate/` of the tenant's host. Superusers only.",
        body,
        response,
        status: 201,
      },
      async (ctx) => {
        const operator = await read(dependencies, ctx.state, (tx) =>
          findAccount(tx, callerOf(ctx.state).userId),
        );
        if (!operator?.is_superuser) {
          throw new ApiError('permission_denied', 'You do not have permission to perform this action.');
        }
        const { domain, username } = readBody(ctx, body);
        // Between two transactions: the lookup is a query of its own.
        const tenant = await directory.find(domain.toLowerCase());
        if (!tenant || tenant.isSite) {
          throw new ValidationFailed({ domain: ['No tenant has this domain.'] });
        }
        const actor = operator.username;
        const token = createImpersonationToken(dependencies.secrets, tenant, { username, operator: actor });
        const tokenId = issuedId(token);
        // Recorded first: no token without an event in the audit of operators.
        await operators.record({
          actor,
          address: ctx.ip,
          tenant: tenant.id,
          action: 'impersonate',
          before: null,
          after: { username },
        });
        await write(dependencies, ctx.state, (tx) =>
          insertImpersonation(tx, { actor, userId: null, tokenId }),
        );
        ctx.status = 201;
        ctx.set('Cache-Control', 'no-store');
        ctx.body = { token, domain: tenant.primaryDomain, username };
      },
    ),
  });
}
