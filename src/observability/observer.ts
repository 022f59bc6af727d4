import type { RequestLine } from '../http/request-trace.ts';
import type { LookUpResult } from '../tenancy/context/directory.ts';
import type { Observed } from './database-metrics.ts';

/** The limits of a tenant that can reject a request. */
export const LIMIT_NAMES = ['requests', 'concurrency', 'response_bytes'] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];

/** Counts events of the service. */
export type Observer = Readonly<{
  request: (line: RequestLine) => void;
  lookUp: (result: LookUpResult) => void;
  limitHit: (limit: LimitName) => void;
  bug: () => void;
  /** Counts due work that failed, by its kind. */
  workFailed: (kind: string) => void;
  /** Whether the invalidation listener is connected. */
  following: (is: boolean) => void;
  /** Collects metrics of these databases at each scrape from now on. */
  watch: (databases: readonly Observed[]) => void;
  /** The port of the metrics endpoint. Null: metrics are off. */
  port: number | null;
  close: () => Promise<unknown>;
}>;
