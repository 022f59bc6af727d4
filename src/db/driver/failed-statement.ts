/** A WeakMap: a serializer of the error must not find the statement. */
const statements = new WeakMap<Error, string>();

/** Stores the text of the statement that failed with `error`, without its values. Returns the error. */
export function attachStatement(error: unknown, text: string): unknown {
  if (error instanceof Error && !statements.has(error)) {
    statements.set(error, text);
  }
  return error;
}

/**
 * Returns the text of the statement that failed with `error` or with one of its causes; null if there
 * is none.
 */
export function failedStatement(error: unknown): string | null {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth += 1) {
    const text = statements.get(at);
    if (text !== undefined) {
      return text;
    }
  }
  return null;
}
