import type { z } from 'zod';

import { whole } from '../../tenancy/registry/setting-fields.ts';

/** Limits of keys and stored responses. */
export const settings = {
  /** Seconds for which a key is kept. */
  IDEMPOTENCY_KEY_LIFETIME: whole(60, 2_592_000, 86_400),
  /** Maximum number of keys of one user. */
  IDEMPOTENCY_KEYS_PER_USER: whole(1, 1_000_000, 10_000),
  /** Maximum bytes of a stored response. */
  IDEMPOTENCY_RESPONSE_BYTES: whole(0, 1_048_576, 65_536),
};

export type IdempotencySettings = Readonly<z.infer<z.ZodObject<typeof settings>>>;
