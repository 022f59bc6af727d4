import type Router from '@koa/router';
import { type QuerySqlToken, sql } from 'slonik';
import { z } from 'zod';

import type { RouteDependencies } from '../../../definition/define-app.ts';
import { operation } from '../../../http/openapi/description.ts';
import { isStaff, permit } from '../../../http/permissions.ts';
import { resource } from '../../../http/resource.ts';
import type { State } from '../../../http/state.ts';

const found = z
  .object({
    plan: z.string().nullable(),
    on_trial: z.boolean(),
    paid_until: z.string().nullable(),
    settings: z.record(z.string(), z.unknown()),
    storage_bytes: z.number(),
    used: z.record(z.string(), z.number()),
  })
  .strict();

const limit = z.object({
  name: z.string().describe('Name of the setting.'),
  table: z.string().nullable().describe('The table whose rows are limited. Null: storage, in MiB.'),
  used: z.int(),
  limit: z.int().nullable().describe('Null: no limit.'),
});

const plan = z
  .object({
    plan: z.string().nullable(),
    on_trial: z.boolean(),
    paid_until: z.string().nullable().describe('Last paid day. Null: no payment required.'),
    limits: z.array(limit),
  })
  .meta({ id: 'OwnPlan' });

const STORAGE = 'TENANT_STORAGE_MB';
const MEBIBYTE = 1_048_576;
/** Maximum rows that are counted. A longer table has at least as many. */
const MAX_COUNT = 1_000_000;

/** Returns the query of the plan, with the number of rows of each limited table. */
function selectPlan(limits: Readonly<Record<string, string>>): QuerySqlToken<typeof found> {
  const counts = Object.entries(limits).flatMap(([setting, table]) => [
    sql.fragment`${setting}::text`,
    sql.fragment`(select count(*) from (select from ${sql.identifier([table])} limit ${MAX_COUNT}) as counted)`,
  ]);
  const used =
    counts.length === 0
      ? sql.fragment`'{}'::json`
      : sql.fragment`json_build_object(${sql.join(counts, sql.fragment`, `)})`;
  return sql.type(found)`
    select
      s.plan,
      t.on_trial,
      t.paid_until::text as paid_until,
      t.settings,
      s.storage_bytes,
      ${used} as used
    from tenancy.my_tenant() as t
    cross join tenancy.my_subscription() as s
  `;
}

/** Returns a limit of the tenant's row. Null: none. */
function limitIn(settings: Readonly<Record<string, unknown>>, name: string): number | null {
  const value = Number(Object.hasOwn(settings, name) ? settings[name] : 0);
  return Number.isSafeInteger(value) && value > 0 ? value : null;
}

/** Creates `/api/plan/`: the tenant's own plan, its limits and their use, for its staff. */
export function planRoute(
  router: Router<State>,
  { stacks, limits }: Pick<RouteDependencies, 'stacks' | 'limits'>,
): void {
  resource(router, '/api/plan', [...stacks.always.authenticated, permit(isStaff)], {
    GET: operation({ summary: "Get the tenant's plan", response: plan }, async (ctx) => {
      const { used, settings, storage_bytes: bytes, ...own } = await ctx.state.tx.one(selectPlan(limits));
      ctx.body = {
        ...own,
        limits: [
          ...Object.entries(limits).map(([name, table]) => ({
            name,
            table,
            used: used[name] ?? 0,
            limit: limitIn(settings, name),
          })),
          {
            name: STORAGE,
            table: null,
            used: Math.ceil(bytes / MEBIBYTE),
            limit: limitIn(settings, STORAGE),
          },
        ],
      };
    }),
  });
}
