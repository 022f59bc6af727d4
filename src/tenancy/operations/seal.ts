import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

import type { ProofKey } from '../context/keys.ts';

/** A requested operation, as its seal covers it. */
export const sealedOperation = z.strictObject({
  id: z.uuid(),
  kind: z.string(),
  tenant: z.string().nullable(),
  arguments: z.record(z.string(), z.unknown()),
  actor: z.string(),
  address: z.string().nullable(),
  /** Keyed digest of a request with an Idempotency-Key. Null: the request has none. */
  request_digest: z.string().nullable().default(null),
});

export type SealedOperation = z.input<typeof sealedOperation>;

const macOf = ({ secret }: ProofKey, sealed: string): string =>
  createHmac('sha256', secret).update(`operation|${sealed}`).digest('hex');

/**
 * Returns the text of an operation and its seal, which shows that this process has requested it. The seal does not
 * expire, because the worker may run the operation later.
 */
export function sealOperation(
  key: ProofKey,
  operation: SealedOperation,
): Readonly<{ sealed: string; seal: string }> {
  const sealed = JSON.stringify(operation);
  return { sealed, seal: `${key.id}.${macOf(key, sealed)}` };
}

/** Returns the operation of a text, or null if no key of `keys` has sealed it. */
export function openSealed(
  keys: readonly ProofKey[],
  { sealed, seal }: Readonly<{ sealed: string; seal: string }>,
): SealedOperation | null {
  const [id, mac = ''] = seal.split('.');
  const key = keys.find((one) => one.id === id);
  const expected = key ? Buffer.from(macOf(key, sealed)) : null;
  const given = Buffer.from(mac);
  return expected !== null && expected.length === given.length && timingSafeEqual(expected, given)
    ? sealedOperation.parse(JSON.parse(sealed))
    : null;
}
