import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

const TICKS_PER_SECOND = 100;
export const SAMPLE_MS = 500;

/** CPU seconds of a process for a connection while it worked for the database of one test. */
type Backend = Readonly<{ cpu: number; database: string | undefined }>;

/** The number of connections to a database until now, and when it was first seen, in seconds since 1970. */
type Sessions = Readonly<{ count: number; since: number }>;

/** CPU seconds of a server, of its processes without a client, such as the checkpointer, and of each test database. */
export type ServerCost = Readonly<{
  total: number;
  background: number;
  databases: ReadonlyMap<string, Readonly<{ cpu: number; since: number }>>;
}>;

/** CPU time of the processes of a PostgreSQL server, read from /proc. */
export type ServerMeter = Readonly<{ stop: () => Promise<ServerCost> }>;

/** Returns the process IDs of a process's children. Reading those of all processes takes many times longer. */
function childrenOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').match(/\d+/g) ?? [];
  } catch {
    // A kernel without CONFIG_PROC_CHILDREN.
    return readdirSync('/proc').filter((name) => {
      try {
        return /^\d+$/.test(name) && statOf(name)[1] === pid;
      } catch {
        // It has ended meanwhile.
        return false;
      }
    });
  }
}

/** Returns the fields of /proc/<pid>/stat after the name of the process. */
const statOf = (pid: string): readonly string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');

const seconds = (ticks: readonly (string | undefined)[]): number =>
  ticks.reduce((sum, each) => sum + Number(each), 0) / TICKS_PER_SECOND;

const sum = (values: Iterable<number>): number => [...values].reduce((total, each) => total + each, 0);

/** Returns the pid of the server's main process if it runs on this machine, otherwise null. */
async function findPostmaster(client: pg.Client): Promise<string | null> {
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const pid = String(rows[0]?.pid);
    // In a container or on another machine the same number is another process.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('postgres')
      ? (statOf(pid)[1] ?? null)
      : null;
  } catch {
    return null;
  }
}

/** Connections to the database `postgres` have the name of the test database for which they work. */
const FIND_DATABASES = `
  select
    (
      select coalesce(jsonb_object_agg(d.datname, d.sessions), '{}')
      from pg_catalog.pg_stat_database as d
      where d.datname like 'kt\\_%'
    ) as sessions,
    (
      select coalesce(jsonb_object_agg(a.pid, substring(a.application_name from '\\mkt_\\w+')), '{}')
      from pg_catalog.pg_stat_activity as a
      where a.application_name ~ '\\mkt_'
    ) as named`;

type Found = Readonly<{
  sessions: Readonly<Record<string, number>>;
  /** Names of databases by process IDs. */
  named: Readonly<Record<string, string>>;
}>;

/** `postgres: <user> <database> <address>(<port>) <state>`. Others are `postgres: checkpointer`, for example. */
const OF_CLIENT = /^postgres: \S+ \S+ (\S+\(\d+\)|\[local\])/;

/**
 * Returns the cost of each database: of the connections that sampling has seen, and of the rest a share by the number of
 * its connections. Most connections are shorter than the interval between two samples.
 */
export function costOfDatabases(
  backends: readonly Backend[],
  sessions: ReadonlyMap<string, Sessions>,
  all: number,
): ServerCost['databases'] {
  const rest = Math.max(0, all - sum(backends.map(({ cpu }) => cpu)));
  const connections = sum([...sessions.values()].map(({ count }) => count));
  return new Map(
    [...sessions].map(([name, { count, since }]) => {
      const seen = sum(backends.filter(({ database }) => database === name).map(({ cpu }) => cpu));
      return [name, { cpu: seen + (count > 0 ? (rest * count) / connections : 0), since }];
    }),
  );
}

/** Starts to measure a server. Returns null if its processes are not visible in /proc. */
export async function measureServer(url: string): Promise<ServerMeter | null> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  const postmaster = await findPostmaster(client);
  if (postmaster === null) {
    await client.end();
    return null;
  }
  const backends = new Map<string, Backend>();
  const seen = new Map<string, number>();
  const background = new Map<string, number>();
  const sessions = new Map<string, Sessions>();

  /** Returns the CPU seconds of the processes that run. */
  const readProcesses = (named: Found['named']): number => {
    let running = 0;
    for (const pid of childrenOf(postmaster)) {
      try {
        const fields = statOf(pid);
        const cpu = seconds(fields.slice(11, 13));
        running += cpu;
        const title = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        // The start time distinguishes two processes with the same pid.
        const key = `${pid} ${fields[19]}`;
        if (OF_CLIENT.test(title)) {
          const database = named[pid] ?? /\bkt_\w+/.exec(title)?.[0];
          // A connection to the database `postgres` works for one database after the other.
          const work = `${key} ${database}`;
          backends.set(work, { cpu: (backends.get(work)?.cpu ?? 0) + cpu - (seen.get(key) ?? 0), database });
          seen.set(key, cpu);
        } else {
          background.set(key, cpu);
        }
      } catch {
        // It has ended meanwhile.
      }
    }
    return running;
  };
  /** Returns the CPU seconds of the server until now. */
  const sample = async (): Promise<number> => {
    const since = Date.now() / 1000;
    const { rows } = await client.query<Found>(FIND_DATABASES);
    for (const [name, count] of Object.entries(rows[0]?.sessions ?? {})) {
      sessions.set(name, { count, since: sessions.get(name)?.since ?? since });
    }
    const running = readProcesses(rows[0]?.named ?? {});
    return seconds(statOf(postmaster).slice(11, 15)) + running;
  };

  // A server of TEST_POSTGRES may have run before.
  const [before, backgroundBefore] = [await sample(), sum(background.values())];
  const stopped = new AbortController();
  const sampling = (async () => {
    while (!stopped.signal.aborted) {
      await wait(SAMPLE_MS, undefined, { signal: stopped.signal }).catch(() => {});
      await sample().catch(() => {});
    }
  })();
  return {
    stop: async () => {
      stopped.abort();
      await sampling;
      const total = (await sample()) - before;
      await client.end();
      const ofBackground = sum(background.values()) - backgroundBefore;
      return {
        total,
        background: ofBackground,
        databases: costOfDatabases([...backends.values()], sessions, total - ofBackground),
      };
    },
  };
}
