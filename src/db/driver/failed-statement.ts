/** Weak: an error must not carry its statement where a serializer would find it. */
const statements = new WeakMap<Error, string>();

/** Remembers the text of the statement that failed with `error`, without its values. Returns the error. */
export function rememberStatement(error: unknown, text: string): unknown {
  if (error instanceof Error && !statements.has(error)) {
    statements.set(error, text);
  }
  return error;
}

/** The text of the statement that failed with `error` or with one of its causes; null when there is none. */
export function failedStatement(error: unknown): string | null {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth += 1) {
    const text = statements.get(at);
    if (text !== undefined) {
      return text;
    }
  }
  return null;
}
