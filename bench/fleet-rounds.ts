import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { load } from './load.ts';
import type { OpenFleet } from './open-fleet.ts';
import { processorTime, serverProcessorTime } from './processor-time.ts';

/** Seconds of a round. */
const SECONDS = 4;
/**
 * The warm-up sends at least this number of requests for each tenant in turn, because PostgreSQL plans the first five
 * executions of a statement in each backend. It ends when every server has had a round in which the processor time of a
 * request was no longer smaller, by `gain`, than in its best round before.
 */
const WARM_UP = { ofTenant: 24, gain: 0.02, leastRounds: 4, mostRounds: 20 };

/** Numbers of statements of tenants that reused a plan, and of those that did not. */
export type StatementUse = Readonly<{ hits: number; misses: number }>;

/** A set of tenants, and a running server with backends of its own for it. */
export type RunningSet = Readonly<{
  name: string;
  /** Number of tenants that are requested in turn; null when they are drawn. */
  inTurn: number | null;
  requests: Parameters<typeof load>[1];
  server: Readonly<{ pid: number; port: number }>;
  /** Returns the numbers since the start; null for a server that does not count. */
  statementUse: (() => Promise<StatementUse>) | null;
  close: () => Promise<void>;
  rounds: Round[];
}>;

/** Processor times are in microseconds for each request. `reused` is NaN for a server that does not count. */
export type Round = Readonly<{ rate: number; node: number; postgres: number; load: number; reused: number }>;

/** Sends one round of requests. `postgres` is the process id of the PostgreSQL server. */
export async function sendRound(
  { server, requests, statementUse }: RunningSet,
  postgres: number,
): Promise<Round & { responses: number }> {
  const times = () => Promise.all([processorTime(server.pid), serverProcessorTime(postgres)]);
  const used = await statementUse?.();
  const before = await times();
  const { responses, seconds, processorMs } = await load(server.port, requests, SECONDS);
  const after = await times();
  const now = await statementUse?.();
  const perRequest = (milliseconds: number): number => (milliseconds * 1000) / responses;
  const hits = (now?.hits ?? Number.NaN) - (used?.hits ?? 0);
  return {
    responses,
    rate: responses / seconds,
    node: perRequest(after[0] - before[0]),
    postgres: perRequest(after[1] - before[1]),
    load: perRequest(processorMs),
    reused: hits / (hits + (now?.misses ?? 0) - (used?.misses ?? 0)),
  };
}

/** Sends rounds to all servers in turn, until the processor time of a request no longer decreases in any. */
export async function warmUp(sets: readonly RunningSet[], postgres: number): Promise<void> {
  const states = sets.map((set) => ({ set, sent: 0, best: Number.POSITIVE_INFINITY, isWarm: false }));
  for (let round = 1; round <= WARM_UP.mostRounds; round += 1) {
    for (const state of states) {
      const { responses, node, postgres: server } = await sendRound(state.set, postgres);
      const time = node + server;
      state.sent += responses;
      state.isWarm ||=
        round >= WARM_UP.leastRounds &&
        state.sent >= (state.set.inTurn ?? 0) * WARM_UP.ofTenant &&
        time > state.best * (1 - WARM_UP.gain);
      state.best = Math.min(state.best, time);
    }
    if (states.every(({ isWarm }) => isWarm)) {
      console.log(`${round} rounds of warm-up`);
      return;
    }
  }
  const cold = states.filter(({ isWarm }) => !isWarm).map(({ set }) => set.name);
  console.log(`Not warm after ${WARM_UP.mostRounds} rounds: ${cold.join(', ')}`);
}

/** Returns the private memory of the backends of all servers in MB, by process id. */
async function memoryOfBackends({ asOwner, service }: OpenFleet): Promise<ReadonlyMap<number, number>> {
  const found = await asOwner<{ pid: number }>(
    `select pid
     from pg_stat_activity
     where (usename = $1 and application_name like 'koa-tenants lane%')
       or application_name = 'reference'`,
    [service],
  );
  const sizes = found.map(async ({ pid }): Promise<[number, number]> => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return [pid, Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1024];
  });
  return new Map(await Promise.all(sizes));
}

/** Stops a server, and returns the mean private memory of its backends in MB: of those that end with it. */
export async function stop(fleet: OpenFleet, set: RunningSet): Promise<number> {
  const before = await memoryOfBackends(fleet);
  await set.close();
  await sleep(500);
  const after = await memoryOfBackends(fleet);
  const own = [...before].filter(([pid]) => !after.has(pid)).map(([, size]) => size);
  return own.reduce((sum, size) => sum + size, 0) / own.length;
}
