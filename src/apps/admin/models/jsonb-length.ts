/** Returns the length of a number without exponent, or a little more: 1e300 has 301 digits in PostgreSQL. */
function lengthOfNumber(value: number): number {
  const [digits = '', exponent] = String(value).split('e');
  return exponent === undefined ? digits.length : digits.length + Math.abs(Number(exponent)) + 2;
}

function lengthOf(value: unknown): number {
  if (typeof value === 'number') {
    return lengthOfNumber(value);
  }
  if (typeof value !== 'object' || value === null) {
    return JSON.stringify(value).length;
  }
  const members = Array.isArray(value)
    ? value.map(lengthOf)
    : Object.entries(value).map(([name, member]) => JSON.stringify(name).length + 2 + lengthOf(member));
  // Brackets, and ", " between two members.
  return members.reduce((sum, length) => sum + length + 2, members.length === 0 ? 2 : 0);
}

/**
 * Returns the number of characters with which PostgreSQL writes a value of JSON as `jsonb`, or a few more: it writes
 * numbers without exponent, and a space after each comma and colon.
 */
export const jsonbLength = (value: unknown): number => lengthOf(JSON.parse(JSON.stringify(value ?? null)));
