import { dataOf, site } from '../api/client';
import type { Operation, OperationKind } from './types';

export const loadKinds = async (): Promise<readonly OperationKind[]> =>
  (await dataOf(site.GET('/api/operation-kinds/'))) as unknown as readonly OperationKind[];

/** Whether the operator may request a kind for a tenant, or for the public site. Null: for the whole fleet. */
export const isAllowedFor = ({ allowed_targets: targets }: OperationKind, tenant: string | null): boolean =>
  targets.includes(tenant === null ? 'fleet' : tenant === 'site' ? 'site' : 'tenant');

/** An operation that is requested. */
export type OperationRequest = Readonly<{
  kind: string;
  tenant: string | null;
  arguments: Record<string, unknown>;
  /** The name that the operator repeated, for kinds that destroy. */
  confirm?: string;
}>;

/** Requests the operation of a form. */
export type RequestOperation = (body: OperationRequest) => Promise<Operation>;

/** Returns a random key. `crypto.randomUUID` requires HTTPS. */
const createKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );

/**
 * Returns the function that requests the operation of a form. If it is called again with the same form after a failure,
 * such as a lost response, it sends the same key, so that the form has one operation. A changed form, and one whose
 * request has succeeded, gets a new key.
 */
export function createRequest(): RequestOperation {
  let key = createKey();
  let sent = '';
  let last: Operation | null = null;
  return async (body) => {
    const text = JSON.stringify(body);
    if ((sent !== '' && sent !== text) || last !== null) {
      key = createKey();
    }
    sent = text;
    last = null;
    last = await dataOf(
      site.POST('/api/operations/', {
        params: { header: { 'Idempotency-Key': key } },
        body: body as never,
      }),
    );
    return last;
  };
}

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
