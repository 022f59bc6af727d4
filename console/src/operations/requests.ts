import { dataOf, site } from '../api/client';
import type { Operation, OperationKind } from './types';

export const loadKinds = async (): Promise<readonly OperationKind[]> =>
  (await dataOf(site.GET('/api/operation-kinds/'))) as unknown as readonly OperationKind[];

/** An operation that is requested. */
export type OperationRequest = Readonly<{
  kind: string;
  tenant: string | null;
  arguments: Record<string, unknown>;
  /** The name that the operator repeated, for kinds that destroy. */
  confirm?: string;
}>;

export const requestOperation = (body: OperationRequest): Promise<Operation> =>
  dataOf(site.POST('/api/operations/', { body: body as never }));

const pathOf = (operation: string) => ({ params: { path: { operation } } });

export const loadOperation = (id: string): Promise<Operation> =>
  dataOf(site.GET('/api/operations/{operation}/', pathOf(id)));

export const cancelOperation = (id: string): Promise<Operation> =>
  dataOf(site.POST('/api/operations/{operation}/cancel/', pathOf(id)));

export const retryOperation = (id: string, confirm: string | undefined): Promise<Operation> =>
  dataOf(
    site.POST('/api/operations/{operation}/retry/', {
      ...pathOf(id),
      body: confirm === undefined ? {} : { confirm },
    }),
  );

/** Returns the newest operation of a kind that has succeeded, for example the last check. Null: none. */
export async function loadLast(kind: string): Promise<Operation | null> {
  const { results } = await dataOf(
    site.GET('/api/operations/', { params: { query: { kind, status: 'succeeded', page_size: 1 } } }),
  );
  const [last] = results;
  return last ? loadOperation(last.id) : null;
}

export const hasEnded = ({ status }: Operation): boolean => status !== 'queued' && status !== 'running';
