/** Minimum bits of a secret. 32 random hexadecimal digits have 128, 32 of base64 have 190. */
const MIN_BITS = 80;

/** Words of examples and templates. They add almost no bits to a secret. */
const PLACEHOLDERS =
  /^(?:changeme|change|replace|insert|django|insecure|supersecret|secret|password|passwd|passphrase|example|default|qwerty|asdf|admin|letmein|welcome|please|application|production|development|test|your|this|that|with|must|long|very|random|string|value|token|key|jwt|app|the|and|not)/;

const WORD_BITS = 5;

const alphabetOf = (text: string): number => {
  if (/^[0-9]*$/.test(text)) {
    return 10;
  }
  if (/^[0-9a-f-]*$/.test(text) || /^[0-9A-F-]*$/.test(text)) {
    return 16;
  }
  return [
    [/[a-z]/, 26],
    [/[A-Z]/, 26],
    [/[0-9]/, 10],
    [/[^A-Za-z0-9]/, 12],
  ].reduce((sum, [pattern, size]) => sum + ((pattern as RegExp).test(text) ? (size as number) : 0), 0);
};

/** Returns the number of characters from `at` that rise, fall or repeat by one constant step of at most 1. */
function runLength(text: string, at: number): number {
  const step = text.charCodeAt(at + 1) - text.charCodeAt(at);
  let length = 1;
  while (
    Math.abs(step) <= 1 &&
    at + length < text.length &&
    text.charCodeAt(at + length) - text.charCodeAt(at + length - 1) === step
  ) {
    length += 1;
  }
  return length;
}

/** Returns the length of the longest text at `at` that occurs earlier, overlapping allowed. */
function repeatLength(text: string, at: number): number {
  let length = 0;
  while (at + length < text.length && text.slice(0, at + length).includes(text.slice(at, at + length + 1))) {
    length += 1;
  }
  return length;
}

/**
 * Returns an upper estimate of the bits of a secret: repetitions, runs such as `1234` and words of
 * examples count little, other characters count as random.
 */
export function estimateBits(secret: string): number {
  // The search is quadratic. A longer secret is strong enough unless its beginning repeats.
  const text = secret.slice(0, 256);
  const lower = text.toLowerCase();
  const perCharacter = Math.log2(alphabetOf(text));
  let bits = 0;
  for (let at = 0; at < text.length; ) {
    const placeholder = PLACEHOLDERS.exec(lower.slice(at))?.[0].length ?? 0;
    const run = runLength(text, at);
    const repeat = repeatLength(lower, at);
    const longest = Math.max(placeholder, run >= 3 ? run : 0, repeat >= 3 ? repeat : 0);
    if (longest === 0) {
      bits += perCharacter;
      at += 1;
    } else {
      bits += Math.min(
        longest * perCharacter,
        longest === placeholder ? WORD_BITS : longest === run ? perCharacter + 2 : Math.log2(at + 1) + 1,
      );
      at += longest;
    }
  }
  return bits;
}

export const SECRET_TOO_WEAK =
  'is too weak: it repeats itself or consists of common words; `openssl rand -base64 48` generates one';

export const isStrongSecret = (secret: string): boolean => estimateBits(secret) >= MIN_BITS;
