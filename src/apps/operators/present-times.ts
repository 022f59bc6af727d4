const UTC = /\+00:00$/;

/** Returns a value of the engine with `Z` in its times, as the API writes them. Times are members named `at` or `…_at`. */
export function presentTimes<T>(value: T): T {
  if (Array.isArray(value)) {
    return value.map(presentTimes) as T;
  }
  if (typeof value !== 'object' || value === null || value instanceof Date) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      typeof member === 'string' && (key === 'at' || key.endsWith('_at'))
        ? member.replace(UTC, 'Z')
        : presentTimes(member),
    ]),
  ) as T;
}
