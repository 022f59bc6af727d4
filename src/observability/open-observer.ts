import type { Observer } from './observer.ts';

const nothing = (): void => {};

const DISABLED: Observer = {
  request: nothing,
  lookUp: nothing,
  limitHit: nothing,
  bug: nothing,
  workFailed: nothing,
  following: nothing,
  watch: nothing,
  port: null,
  close: async () => {},
};

/**
 * Opens the metrics when METRICS_PORT is set. `dueWork` names the kinds of due work of all apps. Otherwise returns an observer that does nothing and
 * loads no library.
 */
export async function openObserver(
  {
    METRICS_PORT: port,
    METRICS_ADDRESS: host,
    METRICS_TOP_TENANTS: topTenants,
  }: {
    METRICS_PORT?: number | undefined;
    METRICS_ADDRESS: string;
    METRICS_TOP_TENANTS: number;
  },
  { dueWork }: { dueWork: readonly string[] },
): Promise<Observer> {
  if (port === undefined) {
    return DISABLED;
  }
  const { openMetrics } = await import('./metrics.ts');
  return openMetrics({ port, host, topTenants, dueWork });
}
