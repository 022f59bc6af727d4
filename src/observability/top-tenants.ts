export type TopTenants = Readonly<{
  /** Counts a request of a tenant, and says under which name it is counted: its own, or `(other)`. */
  labelOf: (schema: string) => string;
}>;

/** No schema has parentheses in its name. */
export const OTHER = '(other)';

/** Requests between two elections. */
const TERM = 1_000;
/** Candidates for each seat. */
const CANDIDATES = 10;

/**
 * Chooses which tenants have counters of their own: those with the most
 * requests, `seats` at most. Memory is bounded however many tenants there are.
 *
 * Candidates are counted as in a space-saving sketch: when there is no more room
 * the smallest gives way, and the newcomer takes its count over. After each term
 * the greatest are elected and all counts halved, so that yesterday's do not
 * stay for ever. A counter counts only while its tenant has a seat: it never
 * falls, and whoever is voted out is told to `onLeave`.
 */
export function createTopTenants({
  seats,
  onLeave,
}: {
  seats: number;
  onLeave: (schema: string) => void;
}): TopTenants {
  const seated = new Set<string>();
  const counts = new Map<string, number>();
  let term = 0;

  const count = (schema: string): void => {
    const before = counts.get(schema);
    if (before !== undefined || counts.size < seats * CANDIDATES) {
      counts.set(schema, (before ?? 0) + 1);
      return;
    }
    const [smallest, least] = [...counts].reduce((a, b) => (b[1] < a[1] ? b : a));
    counts.delete(smallest);
    counts.set(schema, least + 1);
  };

  const elect = (): void => {
    const ranking = [...counts].sort(([, a], [, b]) => b - a);
    const elected = new Set(ranking.slice(0, seats).map(([schema]) => schema));
    for (const schema of [...seated].filter((one) => !elected.has(one))) {
      seated.delete(schema);
      onLeave(schema);
    }
    for (const [schema, requests] of ranking) {
      counts.set(schema, requests / 2);
    }
    for (const schema of elected) {
      seated.add(schema);
    }
  };

  return {
    labelOf: (schema) => {
      if (seats === 0) {
        return OTHER;
      }
      count(schema);
      term += 1;
      if (term >= TERM) {
        term = 0;
        elect();
      }
      if (seated.size < seats) {
        seated.add(schema);
      }
      return seated.has(schema) ? schema : OTHER;
    },
  };
}
