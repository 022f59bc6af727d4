import type Router from '@koa/router';
import { z } from 'zod';

import type { RouteDependencies } from '../../../definition/dependencies.ts';
import { ApiError } from '../../../errors.ts';
import { readBody } from '../../../http/body/validate.ts';
import { notFound, orNotFound } from '../../../http/identifier.ts';
import { numberedPage } from '../../../http/lists/numbered-page.ts';
import { lastValue } from '../../../http/lists/parameters.ts';
import { operation } from '../../../http/openapi/description.ts';
import { pageOfRows, pageParameters } from '../../../http/openapi/parameters.ts';
import { isStaff, permit } from '../../../http/permissions.ts';
import { resource, sendCreated } from '../../../http/resource.ts';
import type { AppMiddleware, Context, State } from '../../../http/state.ts';
import type { AdminModel } from './admin-model.ts';
import { createCatalog } from './catalog.ts';
import { describeModel, modelDescription } from './describe.ts';
import { choice, choiceList, rowList } from './lists.ts';
import { accessOf, permitModel } from './model-permissions.ts';
import { recordChange } from './record-change.ts';
import { canAdd, type Models, modelsOf, targetOf } from './relations.ts';
import { deleteRow, insertRow, lockRow, type Row, readRowId, selectRow, updateRow } from './row-queries.ts';

const row = z
  .looseObject({ id: z.union([z.int(), z.string()]) })
  .describe('A row, with the fields of its model.')
  .meta({ id: 'AdminRow' });
const rowBody = z.looseObject({}).describe('Fields of the model.').meta({ id: 'AdminRowRequest' });

const text = (description: string) => z.string().optional().describe(description);

const forbidden = (): ApiError =>
  new ApiError('permission_denied', 'You do not have permission to perform this action.');

/** @throws ApiError `permission_denied` for a model whose rows staff cannot change */
function assertEditable({ isReadOnly }: AdminModel): void {
  if (isReadOnly) {
    throw forbidden();
  }
}

type ModelContext = Readonly<{
  models: Models;
  readCatalog: ReturnType<typeof createCatalog>;
  before: readonly AppMiddleware[];
  idempotency: RouteDependencies['idempotency'];
}>;

/** Returns the model that the path names. Only declared models exist. */
const modelOf = (models: Models, { params }: Context): AdminModel =>
  orNotFound(models.byName.get(String(params.model)));

/** Creates the route of the list of models. */
function modelsRoute(router: Router<State>, { models, readCatalog, before }: ModelContext): void {
  resource(router, '/api/admin', before, {
    GET: operation({ summary: 'List models', response: z.array(modelDescription) }, async (ctx) => {
      const [catalog, mayDo] = [await readCatalog(ctx), await accessOf(ctx)];
      ctx.body = models.all
        .filter((model) => catalog.has(model.table) && mayDo(model, 'view'))
        .map((model) => describeModel(models, model, { catalog, mayDo }));
    }),
  });
}

/** Creates the routes of the rows of a model. */
function rowsRoute(router: Router<State>, { models, readCatalog, before, idempotency }: ModelContext): void {
  resource(
    router,
    '/api/admin/:model',
    before,
    {
      GET: operation(
        {
          summary: 'List rows',
          description:
            'Returns a page of the rows of a model. Each field has the filters of its kind: `?name__icontains=`, `?created_at__gte=`, `?author=`.',
          query: {
            search: text('Words that must occur in the searched fields.'),
            ordering: text('Fields by which rows are ordered, separated by commas.'),
            ...pageParameters,
          },
          response: pageOfRows(row, 'numbered'),
        },
        async (ctx) => {
          ctx.body = await numberedPage(ctx, rowList(modelOf(models, ctx), ctx));
        },
      ),
      POST: operation({ summary: 'Add a row', body: rowBody, response: row, status: 201 }, async (ctx) => {
        const model = modelOf(models, ctx);
        if (!canAdd(model, await readCatalog(ctx))) {
          throw forbidden();
        }
        const added = await ctx.state.tx.one(insertRow(model, readBody(ctx, model.serializer.body) as Row));
        await recordChange(ctx, 'add-row', model, { before: null, after: added });
        sendCreated(ctx, added as { id: number });
      }),
    },
    { name: 'Admin List', idempotency },
  );
}

/** Creates the route of the rows that a field may refer to. */
function choicesRoute(router: Router<State>, { models, readCatalog, before }: ModelContext): void {
  resource(router, '/api/admin/:model/choices', before, {
    GET: operation(
      {
        summary: 'List the rows that a field may refer to',
        query: {
          field: z.string().describe('A field with a relation.'),
          search: text('Words that must occur in the searched fields of the other model.'),
          ids: text('Only rows with these ids, separated by commas: for the labels of rows.'),
          ...pageParameters,
        },
        response: pageOfRows(choice, 'numbered'),
      },
      async (ctx) => {
        const model = modelOf(models, ctx);
        const field = lastValue(ctx.query, 'field') ?? '';
        if (!Object.hasOwn(model.fields, field)) {
          throw notFound();
        }
        const target = orNotFound(targetOf(models, model, field, await readCatalog(ctx)));
        const mayDo = await accessOf(ctx);
        if (!mayDo(target, 'view')) {
          throw forbidden();
        }
        ctx.body = await numberedPage(ctx, choiceList(target, ctx));
      },
    ),
  });
}

/** Changes a row. Locks it before it reads the body, so that 404 takes precedence over 400. */
async function changeRow(
  models: Models,
  ctx: Context,
  { partial }: Readonly<{ partial: boolean }>,
): Promise<void> {
  const { tx } = ctx.state;
  const model = modelOf(models, ctx);
  const id = readRowId(model, ctx.params.id);
  assertEditable(model);
  const old = orNotFound(await tx.maybeOne(lockRow(model, id)));
  const { body, partialBody } = model.serializer;
  const query = updateRow(model, id, readBody(ctx, partial ? partialBody : body) as Row);
  const changed = query ? orNotFound(await tx.maybeOne(query)) : old;
  await recordChange(ctx, 'change-row', model, { before: old, after: changed });
  ctx.body = changed;
}

/** Creates the routes of one row. */
function rowRoute(router: Router<State>, { models, before }: ModelContext): void {
  resource(
    router,
    '/api/admin/:model/:id',
    before,
    {
      GET: operation({ summary: 'Get a row', response: row }, async (ctx) => {
        const model = modelOf(models, ctx);
        ctx.body = orNotFound(await ctx.state.tx.maybeOne(selectRow(model, readRowId(model, ctx.params.id))));
      }),
      PUT: operation({ summary: 'Replace a row', body: rowBody, response: row }, (ctx) =>
        changeRow(models, ctx, { partial: false }),
      ),
      PATCH: operation({ summary: 'Change a row', body: rowBody, response: row }, (ctx) =>
        changeRow(models, ctx, { partial: true }),
      ),
      DELETE: operation({ summary: 'Delete a row', response: null }, async (ctx) => {
        const { tx } = ctx.state;
        const model = modelOf(models, ctx);
        const id = readRowId(model, ctx.params.id);
        assertEditable(model);
        const old = orNotFound(await tx.maybeOne(lockRow(model, id)));
        await tx.query(deleteRow(model, id));
        await recordChange(ctx, 'delete-row', model, { before: old, after: null });
        ctx.status = 204;
      }),
    },
    {
      name: 'Admin Instance',
      etag: {
        current: (ctx) => {
          const model = modelOf(models, ctx);
          return lockRow(model, readRowId(model, ctx.params.id));
        },
      },
    },
  );
}

/** Creates the generic routes of the declared models, for the tenant's staff. */
export function modelRoutes(
  router: Router<State>,
  { stacks, models: declared, idempotency }: Pick<RouteDependencies, 'stacks' | 'models' | 'idempotency'>,
): void {
  const models = modelsOf(declared);
  const context = {
    models,
    readCatalog: createCatalog(models.all.map(({ table }) => table)),
    before: [...stacks.paid.authenticated, permit(isStaff), permitModel(models)],
    idempotency,
  };
  modelsRoute(router, context);
  rowsRoute(router, context);
  // Before the path of one row, which also matches it.
  choicesRoute(router, context);
  rowRoute(router, context);
}
