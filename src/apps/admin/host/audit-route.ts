import type Router from '@koa/router';
import { sql } from 'slonik';
import { z } from 'zod';

import type { RouteDependencies } from '../../../definition/dependencies.ts';
import { validate } from '../../../http/body/validate.ts';
import { uuid } from '../../../http/fields/uuid.ts';
import { lastValue } from '../../../http/lists/parameters.ts';
import { operation } from '../../../http/openapi/description.ts';
import { pageSize } from '../../../http/page.ts';
import { isStaff, permit } from '../../../http/permissions.ts';
import { resource } from '../../../http/resource.ts';
import type { State } from '../../../http/state.ts';
import { hideRowValues } from '../../../tenancy/operations/hide-row-values.ts';
import { type Access, accessOf } from '../models/model-permissions.ts';
import { type Models, modelsOf } from '../models/relations.ts';

const values = z.record(z.string(), z.unknown()).nullable();

const row = z
  .object({
    id: z.string(),
    at: z.date(),
    actor: z.string(),
    source: z.string(),
    address: z.string().nullable(),
    action: z.string(),
    before: values,
    after: values,
  })
  .strict();

const event = z
  .object({
    id: z.uuid(),
    at: z.iso.datetime(),
    actor: z.string(),
    source: z.string().describe('`tenant`: a user of the tenant. Otherwise the operator.'),
    address: z.string().nullable().describe('Address of the client. Null: not known, or of an operator.'),
    action: z.string(),
    before: values,
    after: values,
  })
  .meta({ id: 'OwnAuditEvent' });

const events = z.object({
  next: z.uuid().nullable().describe('Value of `before` for the next page. Null: this is the last page.'),
  results: z.array(event),
});

const parameters = z.object({ before: uuid().optional() });

const selectEvents = (before: string | null, limit: number) => sql.type(row)`
  select id, at, actor, source, address, action, before, after
  from tenancy.own_audit_events(${before}::uuid, ${limit}::integer)
`;

/** Returns an event without the values of rows that the caller may not view. */
function withoutHidden(
  event: z.output<typeof row>,
  { byName }: Pick<Models, 'byName'>,
  mayDo: Access,
): z.output<typeof row> {
  const { before, after } = event;
  const model = byName.get(String((after ?? before)?.model));
  return model && !mayDo(model, 'view')
    ? { ...event, before: hideRowValues(before), after: hideRowValues(after) }
    : event;
}

/** Creates `/api/audit/`: the events of the tenant, the newest first, for its staff. */
export function auditRoute(
  router: Router<State>,
  { stacks, models: declared }: Pick<RouteDependencies, 'stacks' | 'models'>,
): void {
  const models = modelsOf(declared);
  resource(router, '/api/audit', [...stacks.always.authenticated, permit(isStaff)], {
    GET: operation(
      {
        summary: "List the tenant's events",
        description: 'Values of rows that the caller may not view are `(hidden)`.',
        query: {
          before: z.uuid().optional().describe('Only events before this one.'),
          page_size: z.int().min(1).max(100).optional().describe('Events of a page. Default: 20.'),
        },
        response: events,
      },
      async (ctx) => {
        const given = lastValue(ctx.query, 'before');
        const { before = null } = validate(parameters, given ? { before: given } : {});
        const size = pageSize(ctx.query);
        // One more row shows whether another page follows.
        const rows = await ctx.state.tx.any(selectEvents(before, size + 1));
        const mayDo = await accessOf(ctx);
        const results = rows.slice(0, size).map((each) => withoutHidden(each, models, mayDo));
        ctx.body = { next: rows.length > size ? (results.at(-1)?.id ?? null) : null, results };
      },
    ),
  });
}
