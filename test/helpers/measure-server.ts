import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';

const TICKS_PER_SECOND = 100;
export const SAMPLE_MS = 250;

/** CPU seconds of a database, and when it was first seen, in seconds since 1970. */
export type DatabaseCost = Readonly<{ cpu: number; since: number }>;

/** CPU time of the processes of a PostgreSQL server, read from /proc. */
export type ServerMeter = Readonly<{
  /** Returns the CPU seconds of the whole server, and those of each database as far as sampling saw them. */
  stop: () => Readonly<{ total: number; databases: ReadonlyMap<string, DatabaseCost> }>;
}>;

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

/** Returns the pid of the server's main process if it runs on this machine, otherwise null. */
async function findPostmaster(url: string): Promise<string | null> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const pid = String(rows[0]?.pid);
    // In a container or on another machine the same number is another process.
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('postgres')
      ? (statOf(pid)[1] ?? null)
      : null;
  } catch {
    return null;
  } finally {
    await client.end();
  }
}

/** Starts to measure a server. Returns null if its processes are not visible in /proc. */
export async function measureServer(url: string): Promise<ServerMeter | null> {
  const postmaster = await findPostmaster(url);
  if (postmaster === null) {
    return null;
  }
  const backends = new Map<string, { cpu: number; database: string; since: number }>();
  const sample = (): number => {
    let running = 0;
    for (const pid of childrenOf(postmaster)) {
      try {
        const fields = statOf(pid);
        const cpu = seconds(fields.slice(11, 13));
        running += cpu;
        const database = /\bkt_\w+/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[0];
        if (database) {
          // The start time distinguishes two processes with the same pid.
          const key = `${pid} ${fields[19]}`;
          backends.set(key, { cpu, database, since: backends.get(key)?.since ?? Date.now() / 1000 });
        }
      } catch {
        // It has ended meanwhile.
      }
    }
    return running;
  };
  const total = (): number => seconds(statOf(postmaster).slice(11, 15));
  // A server of TEST_POSTGRES may have run before.
  const before = total() + sample();
  const timer = setInterval(sample, SAMPLE_MS);
  return {
    stop: () => {
      clearInterval(timer);
      const running = sample();
      const databases = new Map<string, DatabaseCost>();
      for (const { cpu, database, since } of backends.values()) {
        const known = databases.get(database) ?? { cpu: 0, since };
        databases.set(database, { cpu: known.cpu + cpu, since: Math.min(known.since, since) });
      }
      return { total: total() + running - before, databases };
    },
  };
}
