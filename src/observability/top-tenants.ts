export type TopTenants = Readonly<{
  /** Counts a request of a tenant, and returns its label: the tenant's own, or `(other)`. */
  labelOf: (schema: string) => string;
}>;

/** Parentheses cannot occur in the name of a schema. */
export const OTHER = '(other)';

/** Requests between two selections. */
const WINDOW_REQUESTS = 1_000;
/** Candidates for each selected tenant, whose counts are kept from one window to the next. */
const CANDIDATES = 10;

/**
 * Selects the tenants that have counters of their own: those with the most requests, at most
 * `maxTenants`. Memory is bounded for any number of tenants.
 *
 * In a window of 1,000 requests, every tenant is counted. At its end, the tenants with the most requests are selected. Ten
 * times as many remain candidates, and their counts are halved, so that old traffic loses weight. A request costs the same
 * with any number of tenants. A counter only counts while its tenant is selected: it never decreases. `onLeave` is called
 * with a tenant that is no longer selected.
 */
export function createTopTenants({
  maxTenants,
  onLeave,
}: {
  maxTenants: number;
  onLeave: (schema: string) => void;
}): TopTenants {
  const selected = new Set<string>();
  const counts = new Map<string, number>();
  let requestsOfWindow = 0;

  const selectTop = (): void => {
    const ranking = [...counts].sort(([, a], [, b]) => b - a);
    const top = new Set(ranking.slice(0, maxTenants).map(([schema]) => schema));
    for (const schema of [...selected].filter((one) => !top.has(one))) {
      selected.delete(schema);
      onLeave(schema);
    }
    counts.clear();
    for (const [schema, requests] of ranking.slice(0, maxTenants * CANDIDATES)) {
      counts.set(schema, requests / 2);
    }
    for (const schema of top) {
      selected.add(schema);
    }
  };

  return {
    labelOf: (schema) => {
      if (maxTenants === 0) {
        return OTHER;
      }
      counts.set(schema, (counts.get(schema) ?? 0) + 1);
      requestsOfWindow += 1;
      if (requestsOfWindow >= WINDOW_REQUESTS) {
        requestsOfWindow = 0;
        selectTop();
      }
      if (selected.size < maxTenants) {
        selected.add(schema);
      }
      return selected.has(schema) ? schema : OTHER;
    },
  };
}
