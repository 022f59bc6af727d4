import { setTimeout as wait } from 'node:timers/promises';
import { type Aggregator, Counter, Gauge, type Registry } from 'prom-client';
import type { DatabasePool } from 'slonik';
import type { PreparedStatementUsage } from '../db/driver/prepared-statements.ts';
import type { TenantStatistics } from '../tenancy/registry/statistics.ts';

type PoolState = ReturnType<DatabasePool['state']>;

/** One database whose metrics are collected. */
export type Observed = Readonly<{
  name: string;
  /** The pools by name. */
  pools: () => ReadonlyArray<readonly [lane: string, state: PoolState]>;
  /** Maximum connections of one lane. */
  shardSize: number;
  /** Counts of the tenants' statements that had a name or not, since the start. */
  statementUsage: PreparedStatementUsage;
  isReady: () => Promise<boolean>;
  statistics: () => Promise<TenantStatistics>;
  /** Called with the first of consecutive errors of `statistics`, whose gauges are then missing. */
  onFailure: (error: unknown) => void;
}>;

/** Milliseconds that a result is cached: there may be many scrapers. */
const CACHE_MS = 5_000;
/** Milliseconds that a scrape waits for a database. The response also covers a database that hangs. */
const TIMEOUT_MS = 2_000;

type DatabaseReport = Readonly<{ isReady: boolean; statistics: TenantStatistics | null }>;
const NO_REPORT: DatabaseReport = { isReady: false, statistics: null };

/** Creates a cached query for a database's statistics. */
function createStatisticsQuery({
  isReady,
  statistics,
  onFailure,
}: Pick<Observed, 'isReady' | 'statistics' | 'onFailure'>): () => Promise<DatabaseReport> {
  let cached = { at: Number.NEGATIVE_INFINITY, report: Promise.resolve(NO_REPORT) };
  let hasFailed = false;
  const readStatistics = async (): Promise<TenantStatistics | null> => {
    try {
      const found = await statistics();
      hasFailed = false;
      return found;
    } catch (error) {
      if (!hasFailed) {
        onFailure(error);
      }
      hasFailed = true;
      return null;
    }
  };
  const readReport = async (): Promise<DatabaseReport> => {
    const [ready, found] = await Promise.all([isReady(), readStatistics()]);
    return { isReady: ready, statistics: found };
  };
  return async () => {
    if (performance.now() - cached.at > CACHE_MS) {
      cached = { at: performance.now(), report: readReport().catch(() => NO_REPORT) };
    }
    const tooLong = new AbortController();
    try {
      return await Promise.race([
        cached.report,
        wait(TIMEOUT_MS, NO_REPORT, { ref: false, signal: tooLong.signal }).catch(() => NO_REPORT),
      ]);
    } finally {
      tooLong.abort();
    }
  };
}

/** Registers the counter of prepared statements, which the drivers count without the registry. */
function countPreparedStatements(registry: Registry, databases: readonly Observed[]): void {
  const reported = new Map(databases.map(({ name }) => [name, { hits: 0, misses: 0 }]));
  new Counter({
    name: 'koa_tenants_prepared_statements_total',
    help: "Tenants' statements on connections that prepare them: reused (hit), or parsed and planned again (miss).",
    labelNames: ['database', 'result'],
    registers: [registry],
    collect() {
      for (const { name: database, statementUsage: now } of databases) {
        const { hits = 0, misses = 0 } = reported.get(database) ?? {};
        this.inc({ database, result: 'hit' }, now.hits - hits);
        this.inc({ database, result: 'miss' }, now.misses - misses);
        reported.set(database, { ...now });
      }
    },
  });
}

function createGauges(registry: Registry, collect: () => Promise<void>) {
  const gauge = (
    name: string,
    help: string,
    { labels = [], aggregator = 'max' }: { labels?: string[]; aggregator?: Aggregator } = {},
  ): Gauge =>
    new Gauge({
      name: `koa_tenants_${name}`,
      help,
      labelNames: ['database', ...labels],
      registers: [registry],
      aggregator,
      collect,
    });

  return {
    connections: gauge('lane_connections', 'Connections, by lane and state.', {
      labels: ['lane', 'state'],
      aggregator: 'sum',
    }),
    waiting: gauge('lane_waiting', 'Transactions waiting for a connection, by lane.', {
      labels: ['lane'],
      aggregator: 'sum',
    }),
    size: gauge('lane_size', 'Maximum number of connections of each lane.', { aggregator: 'sum' }),
    ready: gauge('database_ready', '1 when the database responds and has the shared schema of this code.', {
      aggregator: 'min',
    }),
    counts: {
      tenants: gauge('tenants', 'Tenants, except deleted and spare ones.'),
      closed: gauge('tenants_closed', 'Tenants in maintenance or moving.'),
      spares: gauge('tenants_spare', 'Spare tenants.'),
      behind: gauge(
        'tenants_behind',
        'Tenants whose migrations are older than this code. Their requests get 503.',
      ),
      failed: gauge('tenants_failed', 'Tenants whose last migration failed.'),
    },
    due: {
      waiting: gauge('due_tenants', 'Tenants that have due work, by kind.', { labels: ['kind'] }),
      overdue: gauge('due_overdue_seconds', 'Seconds since the oldest due work of a kind was due.', {
        labels: ['kind'],
      }),
    },
    clock: gauge('clock_difference_seconds', 'Clock of this process minus clock of the database.'),
  };
}

type Gauges = ReturnType<typeof createGauges>;

function setPoolGauges(gauges: Gauges, { name: database, pools, shardSize }: Observed): void {
  gauges.size.set({ database }, shardSize);
  for (const [lane, state] of pools()) {
    gauges.connections.set({ database, lane, state: 'used' }, state.acquiredConnections);
    gauges.connections.set({ database, lane, state: 'idle' }, state.idleConnections);
    gauges.connections.set({ database, lane, state: 'opening' }, state.pendingConnections);
    gauges.waiting.set({ database, lane }, state.waitingClients);
  }
}

/** Sets the gauges of the registry. An unknown value is removed: the last one would look current. */
function setStatisticsGauges(
  { counts, due, clock }: Gauges,
  database: string,
  statistics: TenantStatistics | null,
  seenKinds: Set<string>,
): void {
  for (const [name, counted] of Object.entries(counts)) {
    if (statistics) {
      counted.set({ database }, statistics[name as keyof typeof counts]);
    } else {
      counted.remove({ database });
    }
  }
  if (statistics) {
    for (const { kind, waiting: tenants, overdue } of statistics.due) {
      due.waiting.set({ database, kind }, tenants);
      due.overdue.set({ database, kind }, overdue);
      seenKinds.add(kind);
    }
    clock.set({ database }, statistics.clock_difference);
  } else {
    for (const kind of seenKinds) {
      due.waiting.remove({ database, kind });
      due.overdue.remove({ database, kind });
    }
    clock.remove({ database });
  }
}

/**
 * Registers gauges of pools and of the registry, updated at each scrape only. Over several
 * processes, connections are summed. Values that all processes read from the same table are not.
 */
export function watchDatabases(registry: Registry, databases: readonly Observed[]): void {
  countPreparedStatements(registry, databases);
  const seenKinds = new Set<string>();
  const updates = databases.map((observed) => {
    const query = createStatisticsQuery(observed);
    return async (): Promise<void> => {
      setPoolGauges(gauges, observed);
      const { isReady, statistics } = await query();
      gauges.ready.set({ database: observed.name }, isReady ? 1 : 0);
      setStatisticsGauges(gauges, observed.name, statistics, seenKinds);
    };
  });
  // All gauges are collected at the same time and share one query.
  let updating: Promise<unknown> | null = null;
  const gauges = createGauges(registry, async () => {
    updating ??= Promise.all(updates.map((run) => run())).finally(() => {
      updating = null;
    });
    await updating;
  });
}
