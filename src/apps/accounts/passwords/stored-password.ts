// The form that @node-rs/argon2 writes, as in the constraint users__password_cost.
const ARGON2ID =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,4}),t=([1-9]),p=([1-4])\$[A-Za-z0-9+/]{11,64}\$[A-Za-z0-9+/]{16,86}$/;

// The most expensive hash that can be stored: the second choice of RFC 9106 (64 MiB,
// three passes, four lanes). Its parameters come from the row: without a limit one
// row could occupy a hashing thread for minutes.
const MAX_MEMORY_KIB = 65_536;

/** Returns the maximum of memory times passes, for a maximum of memory. */
export const maxCost = (maxMemory: number): number => 3 * maxMemory;

/**
 * Whether `stored` is an argon2id hash that may be verified: well-formed, and not too expensive.
 * `maxMemory` is in KiB. Default: the limit of what can be stored.
 */
export function isVerifiable(stored: string, maxMemory: number = MAX_MEMORY_KIB): boolean {
  const [memory, passes] = ARGON2ID.exec(stored)?.slice(1).map(Number) ?? [];
  return (
    memory !== undefined &&
    passes !== undefined &&
    memory <= maxMemory &&
    memory * passes <= maxCost(maxMemory)
  );
}

/** Returns the fault of a value that is to be stored as a password, or null. */
export const storedPasswordFault = (value: unknown): string | null =>
  typeof value === 'string' && (isVerifiable(value) || value.startsWith('!'))
    ? null
    : `it must be an argon2id hash ($argon2id$v=19$…) with at most m=${MAX_MEMORY_KIB}, t=9, p=4 and m × t = ${maxCost(MAX_MEMORY_KIB)}; \`hash-password\` creates one, and "!" matches no password`;
