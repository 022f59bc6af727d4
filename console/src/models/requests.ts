import { dataOf, tenant } from '../api/client';
import { failureOf } from '../api/failure';
import type { components } from '../api/generated/tenant';

export type Model = components['schemas']['AdminModel'];
export type ModelField = Model['fields'][number];
export type Row = Readonly<Record<string, unknown> & { id: number | string }>;
export type Choice = components['schemas']['AdminChoice'];

/** A page of a list. */
export type Page<Item> = Readonly<{
  count: number;
  next: string | null;
  previous: string | null;
  results: readonly Item[];
}>;

/** A row, and the tag with which the service finds that it has changed in the meantime. */
export type TaggedRow = Readonly<{ row: Row; etag: string | null }>;

/** @throws Failure */
export const loadModels = (): Promise<readonly Model[]> => dataOf(tenant.GET('/api/admin/'));

/**
 * Returns a model. Undefined: the host has no such model.
 *
 * @throws Failure
 */
export const findModel = async (name: string): Promise<Model | undefined> =>
  (await loadModels()).find(({ model }) => model === name);

/** @throws Failure */
export const loadRows = (model: string, query: Readonly<Record<string, string>>): Promise<Page<Row>> =>
  dataOf(
    // The document lists the parameters that every model has. Filters depend on the model.
    tenant.GET('/api/admin/{model}/', { params: { path: { model }, query: query as never } }),
  ) as Promise<Page<Row>>;

/** @throws Failure */
export async function loadRow(model: string, id: string): Promise<TaggedRow> {
  const { data, error, response } = await tenant.GET('/api/admin/{model}/{id}/', {
    params: { path: { model, id: id as never } },
  });
  if (!response.ok) {
    throw failureOf(response.status, error);
  }
  return { row: data as Row, etag: response.headers.get('ETag') };
}

/** @throws Failure */
export const addRow = (model: string, body: Readonly<Record<string, unknown>>): Promise<Row> =>
  dataOf(tenant.POST('/api/admin/{model}/', { params: { path: { model } }, body })) as Promise<Row>;

/**
 * Changes fields of a row, unless it has changed since it was loaded.
 *
 * @throws Failure
 */
export const changeRow = (
  model: string,
  { row, etag }: TaggedRow,
  body: Readonly<Record<string, unknown>>,
): Promise<Row> =>
  dataOf(
    tenant.PATCH('/api/admin/{model}/{id}/', {
      params: { path: { model, id: row.id as never } },
      headers: etag === null ? {} : { 'If-Match': etag },
      body,
    }),
  ) as Promise<Row>;

/** @throws Failure */
export const deleteRow = (model: string, id: Row['id']): Promise<unknown> =>
  dataOf(tenant.DELETE('/api/admin/{model}/{id}/', { params: { path: { model, id: id as never } } }));

/**
 * Returns the rows that a field may refer to: those of a search, or those with some ids.
 *
 * @throws Failure
 */
export const loadChoices = async (
  model: string,
  field: string,
  query: Readonly<{ search?: string; ids?: string }>,
): Promise<readonly Choice[]> =>
  (
    await dataOf(
      tenant.GET('/api/admin/{model}/choices/', {
        params: { path: { model }, query: { field, page_size: 100, ...query } },
      }),
    )
  ).results;
