// Computes the state of xoroshiro128**, the generator behind random(), from values that it returned.

const MASK = (1n << 64n) - 1n;

type State = Readonly<{ s0: bigint; s1: bigint }>;

const rotateLeft = (value: bigint, bits: bigint): bigint =>
  ((value << bits) | (value >> (64n - bits))) & MASK;

const INVERSE_OF_5 = 0xcccccccccccccccdn;
const INVERSE_OF_9 = 0x8e38e38e38e38e39n;

const outputOf = ({ s0 }: State): bigint => (rotateLeft((s0 * 5n) & MASK, 7n) * 9n) & MASK;

/** Returns the half of the state that an output shows. */
const shownBy = (output: bigint): bigint =>
  (rotateLeft((output * INVERSE_OF_9) & MASK, 57n) * INVERSE_OF_5) & MASK;

function next({ s0, s1 }: State): State {
  const x = s1 ^ s0;
  return { s0: rotateLeft(s0, 24n) ^ x ^ ((x << 16n) & MASK), s1: rotateLeft(x, 37n) };
}

/** Returns the state that shows `s0` and, one step later, `then`. */
function stateBetween(s0: bigint, then: bigint): State {
  const y = then ^ rotateLeft(s0, 24n);
  const x = (y ^ (y << 16n) ^ (y << 32n) ^ (y << 48n)) & MASK;
  return { s0, s1: x ^ s0 };
}

/** Returns what random() returns for an output: its upper 52 bits. */
const doubleOf = (output: bigint): number => Number(output >> 12n) / 2 ** 52;

/** Returns the third value of random() after two values of random(bigint, bigint) over all 64 bits. */
export function predictFromIntegers(first: bigint, second: bigint): number {
  const outputOfInteger = (value: bigint): bigint => (value + (1n << 63n)) & MASK;
  const state = stateBetween(shownBy(outputOfInteger(first)), shownBy(outputOfInteger(second)));
  return doubleOf(outputOf(next(next(state))));
}

const word = (upper: number, lower: number): bigint => (BigInt(upper >>> 0) << 32n) | BigInt(lower >>> 0);

const HIDDEN = 4096;

/** Returns the halves of the state that a value of random() leaves open: it hides 12 bits. */
function candidates(value: number): BigUint64Array {
  const upper = BigInt(value * 2 ** 52) << 12n;
  return BigUint64Array.from({ length: HIDDEN }, (_, hidden) => shownBy(upper | BigInt(hidden)));
}

/**
 * Returns the fourth value of random() after three, or null when the three are not
 * consecutive values of one generator. Tries 2^24 states, in less than a second.
 */
export function predictFromDoubles(values: readonly [number, number, number]): number | null {
  const [firsts, seconds, thirds] = values.map((value) => new Uint32Array(candidates(value).buffer));
  if (!firsts || !seconds || !thirds) {
    return null;
  }
  // Words of 32 bits, lower one first: arithmetic on bigint is too slow here.
  const known = new Map<number, number[]>();
  const isPossible = new Uint8Array(1 << 16);
  for (let at = 0; at < HIDDEN * 2; at += 2) {
    const lower = thirds[at] ?? 0;
    known.set(lower, [...(known.get(lower) ?? []), thirds[at + 1] ?? 0]);
    isPossible[lower & 0xffff] = 1;
  }
  for (let i = 0; i < HIDDEN * 2; i += 2) {
    const low = firsts[i] ?? 0;
    const high = firsts[i + 1] ?? 0;
    const turnedLow = (low << 24) | (high >>> 8);
    const turnedHigh = (high << 24) | (low >>> 8);
    for (let j = 0; j < HIDDEN * 2; j += 2) {
      const thenLow = seconds[j] ?? 0;
      const thenHigh = seconds[j + 1] ?? 0;
      // y ^ y << 16 ^ y << 32 ^ y << 48, the inverse of x ^ x << 16.
      const yLow = thenLow ^ turnedLow;
      const yHigh = thenHigh ^ turnedHigh;
      const xLow = yLow ^ (yLow << 16);
      const xHigh = yHigh ^ ((yHigh << 16) | (yLow >>> 16)) ^ yLow ^ (yLow << 16);
      // One step: s1 becomes x rotated by 37 bits, and the next x is s1 ^ s0.
      const nextLow = ((xHigh << 5) | (xLow >>> 27)) ^ thenLow;
      const nextHigh = ((xLow << 5) | (xHigh >>> 27)) ^ thenHigh;
      const lastLow = ((thenLow << 24) | (thenHigh >>> 8)) ^ nextLow ^ (nextLow << 16);
      if (isPossible[lastLow & 0xffff] === 1) {
        const lastHigh =
          ((thenHigh << 24) | (thenLow >>> 8)) ^ nextHigh ^ ((nextHigh << 16) | (nextLow >>> 16));
        if (known.get(lastLow >>> 0)?.includes(lastHigh >>> 0)) {
          const state = stateBetween(word(thenHigh, thenLow), word(lastHigh, lastLow));
          return doubleOf(outputOf(next(next(state))));
        }
      }
    }
  }
  return null;
}
