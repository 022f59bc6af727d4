import type Router from '@koa/router';
import { sql } from 'slonik';
import { z } from 'zod';

import type { RouteDependencies } from '../../../definition/dependencies.ts';
import { operation } from '../../../http/openapi/description.ts';
import { isStaff, permit } from '../../../http/permissions.ts';
import { resource } from '../../../http/resource.ts';
import type { State } from '../../../http/state.ts';
import { writtenAs } from '../../../tenancy/registry/describe-settings.ts';
import { shownSetting } from '../../../tenancy/registry/secret-settings.ts';
import type { AdminService } from '../start.ts';

const row = z.object({ settings: z.record(z.string(), z.unknown()) }).strict();

const setting = z
  .object({
    name: z.string(),
    value: z.string(),
    default: z.string().describe('The value of tenants that override nothing.'),
    is_overridden: z.boolean(),
  })
  .meta({ id: 'OwnSetting' });

/** Returns a value as the environment has it. */
const textOf = (name: string, value: unknown): string => String(writtenAs(shownSetting(name, value)) ?? '');

type Dependencies = RouteDependencies<Record<never, never>, Record<never, never>, AdminService>;

/** Creates `/api/settings/`: the tenant's own settings, for its staff. Operators change them. */
export function settingsRoute(
  router: Router<State>,
  { stacks, settingsOf, service }: Pick<Dependencies, 'stacks' | 'settingsOf' | 'service'>,
): void {
  resource(router, '/api/settings', [...stacks.always.authenticated, permit(isStaff)], {
    GET: operation({ summary: "List the tenant's settings", response: z.array(setting) }, async (ctx) => {
      const { tx, tenant } = ctx.state;
      const { settings: own } = await tx.one(sql.type(row)`
        select settings
        from tenancy.my_tenant()
      `);
      const effective = (await settingsOf(tenant)) as Readonly<Record<string, unknown>>;
      const defaults = service.defaultsOf(tenant);
      ctx.body = Object.keys(defaults)
        .sort()
        .map((name) => ({
          name,
          value: textOf(name, effective[name]),
          default: textOf(name, defaults[name]),
          is_overridden: Object.hasOwn(own, name),
        }));
    }),
  });
}
