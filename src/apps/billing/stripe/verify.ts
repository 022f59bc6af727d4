import Stripe from 'stripe';
import { z } from 'zod';

import { ApiError } from '../../../errors.ts';

/** Seconds for which a signature is valid, as Stripe recommends. Limits replays of a recorded request. */
const TOLERANCE = 300;

const event = z
  .object({
    id: z.string().min(1).max(255),
    type: z.string(),
    /** Seconds since 1970. */
    created: z.number().int().min(0).max(7_258_118_400),
    data: z.object({ object: z.unknown() }),
  })
  .transform(({ id, type, created, data }) => ({ id, type, created, object: data.object }));

export type StripeEvent = Readonly<z.infer<typeof event>>;

const invalid = (): ApiError =>
  new ApiError('signature_invalid', 'The signature of this event is not valid, or it has expired.');

/**
 * Returns a signed event. `isStored`: the time of the signature was checked when the event arrived.
 *
 * @throws ApiError `signature_invalid`
 */
export function verifyEvent(
  secret: string,
  payload: Buffer | string,
  signature: string,
  { isStored = false }: { isStored?: boolean } = {},
): StripeEvent {
  let signed: unknown;
  try {
    signed = Stripe.webhooks.constructEvent(payload, signature, secret, isStored ? 0 : TOLERANCE);
  } catch {
    throw invalid();
  }
  const parsed = event.safeParse(signed);
  if (!parsed.success) {
    throw invalid();
  }
  return parsed.data;
}
