/** What was tried, whether it went well, and in a few words how. */
export type Probe = Readonly<{ what: string; ok: boolean; found: string }>;

/** Milliseconds for one thing to answer. */
export const PATIENCE = 5_000;

const reasonOf = (error: unknown): string => {
  const { message = '', code } = error as { message?: string; code?: unknown };
  // Node joins what several addresses said, and leaves the message empty.
  return message || (typeof code === 'string' ? code : 'it failed');
};

/** Tries one thing; what it throws is the reason why not, and the first line of that. */
export async function probe(what: string, work: () => Promise<string>): Promise<Probe> {
  try {
    return { what, ok: true, found: await work() };
  } catch (error) {
    return { what, ok: false, found: reasonOf(error) };
  }
}
