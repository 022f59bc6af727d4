/** A rejected request, as pages show it. */
export class Failure extends Error {
  readonly status: number;
  readonly code: string | null;
  /** What the user can do. Null: the response has no hint. */
  readonly hint: string | null;
  /** Messages by field. Those of no field are in `message`. */
  readonly fields: Readonly<Record<string, readonly string[]>>;

  constructor(
    message: string,
    { status, code = null, hint = null, fields = {} }: Partial<Failure> & { status: number },
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.fields = fields;
  }
}

/**
 * Returns a handler that replaces the result of a rejected request by `fallback`. Errors other than failures are bugs,
 * which it also writes to the browser's console.
 */
export const fallbackTo =
  <Value>(fallback: Value) =>
  (error: unknown): Value => {
    if (!(error instanceof Failure)) {
      console.error(error);
    }
    return fallback;
  };

const BY_STATUS: Readonly<Record<number, string>> = {
  403: 'You do not have permission for this.',
  404: 'Not found.',
  429: 'Too many requests. Wait a moment and try again.',
  502: 'The service cannot be reached. Check your connection and try again.',
};

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** Returns the failure of an error response: `{ detail, code }`, or `{ field: [messages], non_field_errors: [messages] }`. */
export function failureOf(status: number, body: unknown): Failure {
  const fallback = BY_STATUS[status] ?? `The service failed with status ${status}. Try again later.`;
  if (typeof body !== 'object' || body === null) {
    return new Failure(fallback, { status });
  }
  const { detail, code, hint, non_field_errors: general, ...rest } = body as Record<string, unknown>;
  const fields: Record<string, string[]> = {};
  for (const [name, messages] of Object.entries(rest)) {
    if (name !== 'messages') {
      fields[name] = flatten(messages);
    }
  }
  const lines = [textOf(detail), ...(Array.isArray(general) ? general.map(String) : [])].filter(
    (line) => line !== null,
  );
  const summary = Object.keys(fields).length > 0 ? 'Correct the fields with an error.' : fallback;
  return new Failure(lines.length > 0 ? lines.join(' ') : summary, {
    status,
    code: textOf(code),
    hint: textOf(hint),
    fields,
  });
}

/** Returns the messages of a field. Those of nested fields begin with the name of theirs. */
function flatten(messages: unknown): string[] {
  if (Array.isArray(messages)) {
    return messages.flatMap(flatten);
  }
  if (typeof messages === 'object' && messages !== null) {
    return Object.entries(messages).flatMap(([name, inner]) =>
      flatten(inner).map((message) => `${name}: ${message}`),
    );
  }
  return [String(messages)];
}
