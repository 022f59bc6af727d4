/** The result of one probe, with a short description. */
export type Probe = Readonly<{ what: string; ok: boolean; found: string }>;

/** Milliseconds that one probe may take. */
export const TIMEOUT_MS = 5_000;

const reasonOf = (error: unknown): string => {
  const { message = '', code } = error as { message?: string; code?: unknown };
  // Node leaves the message empty when several addresses failed.
  return message || (typeof code === 'string' ? code : 'it failed');
};

/** Runs one probe. The first line of an error becomes its result. */
export async function probe(what: string, work: () => Promise<string>): Promise<Probe> {
  try {
    return { what, ok: true, found: await work() };
  } catch (error) {
    return { what, ok: false, found: reasonOf(error) };
  }
}
