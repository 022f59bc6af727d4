import type { RequestLine } from '../http/middleware/request-log.ts';
import type { LookUpResult } from '../tenancy/context/directory.ts';
import type { Observed } from './database-metrics.ts';

export const LIMIT_NAMES = ['requests', 'concurrency', 'response_bytes'] as const;

/** Which limit of a tenant turned a request away. */
export type LimitName = (typeof LIMIT_NAMES)[number];

/** Who counts what the service does. */
export type Observer = Readonly<{
  request: (line: RequestLine) => void;
  lookUp: (result: LookUpResult) => void;
  limitHit: (limit: LimitName) => void;
  bug: () => void;
  mailFailed: () => void;
  /** Whether changes of tenants are heard at once. */
  following: (is: boolean) => void;
  /** From here on these are looked at when somebody asks. */
  watch: (databases: readonly Observed[]) => void;
  /** Where the counts are read; null where nobody counts. */
  port: number | null;
  close: () => Promise<unknown>;
}>;

const nothing = (): void => {};

const NOBODY: Observer = {
  request: nothing,
  lookUp: nothing,
  limitHit: nothing,
  bug: nothing,
  mailFailed: nothing,
  following: nothing,
  watch: nothing,
  port: null,
  close: async () => {},
};

/** Counts where METRICS_PORT says so; elsewhere nobody does, and nothing is loaded for it. */
export async function openObserver({
  METRICS_PORT: port,
  METRICS_ADDRESS: host,
  METRICS_TOP_TENANTS: topTenants,
}: {
  METRICS_PORT?: number | undefined;
  METRICS_ADDRESS: string;
  METRICS_TOP_TENANTS: number;
}): Promise<Observer> {
  if (port === undefined) {
    return NOBODY;
  }
  const { openMetrics } = await import('./metrics.ts');
  return openMetrics({ port, host, topTenants });
}
