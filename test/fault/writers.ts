import { Agent } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';

import { type Answer, sendRequest } from '../helpers/server.ts';
import type { World } from '../helpers/world.ts';

export type Author = Readonly<{ schema: string; host: string; token: string }>;
/** One request that creates one row with a unique name. */
export type Attempt = Readonly<{ schema: string; name: string; outcome: Answer | Error }>;

export type Writers = Readonly<{
  attempts: readonly Attempt[];
  /** Resolves when `count` more attempts have this result, or all clients have ended. Null: no response. */
  next: (status: number | null, count?: number) => Promise<void>;
  /** Resolves when all clients have ended. */
  left: Promise<void>;
  /** Changes the pause between two writes of a client. */
  setPause: (ms: number) => void;
  /** Ends all clients after their current request. */
  stop: () => Promise<void>;
}>;

let clients = 0;

/**
 * Starts clients that write one note after another, each on its own keep-alive connection, in turn
 * for each of `authors`. A client ends when `leaves` is true for a response. It waits `pauseMs` between two
 * writes; default: 0, as fast as the service responds.
 *
 * A service closes idle connections when it stops, also when a request is on its way. Like other clients, these repeat a
 * request once on a new connection if a used one was closed. `account` would find a request that was done twice.
 */
export function startWriters(
  port: number,
  authors: readonly Author[],
  {
    count,
    leaves = () => false,
    pauseMs: firstPause = 0,
  }: { count: number; leaves?: (outcome: Answer | Error) => boolean; pauseMs?: number },
): Writers {
  const attempts: Attempt[] = [];
  let pauseMs = firstPause;
  let done = false;
  let noticed = Promise.withResolvers<void>();
  const write = async ({ schema, host, token }: Author): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    clients += 1;
    const client = clients;
    for (let n = 0; !done; n += 1) {
      const name = `${schema} ${client} ${n}`;
      const send = () =>
        sendRequest(port, host, 'POST', '/api/notes/', { token, body: { name }, agent }).catch(
          (error: NodeJS.ErrnoException) => error,
        );
      let outcome = await send();
      if (n > 0 && outcome instanceof Error && outcome.code === 'ECONNRESET') {
        outcome = await send();
      }
      attempts.push({ schema, name, outcome });
      noticed.resolve();
      noticed = Promise.withResolvers<void>();
      if (leaves(outcome)) {
        break;
      }
      if (statusOf(outcome) !== 201) {
        // As a client does after `Retry-After`, but earlier.
        await wait(50);
      } else if (pauseMs > 0) {
        await wait(pauseMs);
      }
    }
    agent.destroy();
  };
  const left = Promise.all(
    Array.from({ length: count }, (_, index) => authors[index % authors.length]).map(
      (author) => author && write(author),
    ),
  ).then(() => {
    done = true;
    noticed.resolve();
  });
  return {
    attempts,
    left,
    setPause: (ms) => {
      pauseMs = ms;
    },
    next: async (status, wanted = 1) => {
      const from = attempts.length;
      const found = () => attempts.slice(from).filter(({ outcome }) => statusOf(outcome) === status);
      while (!done && found().length < wanted) {
        await noticed.promise;
      }
    },
    stop: () => {
      done = true;
      return left;
    },
  };
}

/** Null: no response. */
export const statusOf = (outcome: Answer | Error): number | null =>
  outcome instanceof Error ? null : outcome.status;

/**
 * Compares the stored rows with the responses. Each 201 has returned the requested row, which is stored
 * once, in that tenant only. A request without a response, or with 503 or 504, has stored at most one row:
 * its connection may have broken during COMMIT. Other rejected requests have stored none, and every
 * stored row was requested.
 */
export async function account(
  t: ExecutionContext,
  world: Pick<World, 'asOwner'>,
  attempts: readonly Attempt[],
  table: string,
): Promise<void> {
  for (const schema of new Set(attempts.map((attempt) => attempt.schema))) {
    const rows = await world.asOwner<{ id: string; name: string }>(
      `select p.id, p.name from ${schema}.${table} as p`,
    );
    const ids = Map.groupBy(rows, ({ name }) => name);
    for (const attempt of attempts.filter((one) => one.schema === schema)) {
      const { name, outcome } = attempt;
      const found = ids.get(name) ?? [];
      ids.delete(name);
      if (outcome instanceof Error || outcome.status === 503 || outcome.status === 504) {
        t.true(found.length <= 1, `${name} is there ${found.length} times`);
      } else if (outcome.status === 201) {
        t.is(outcome.body.name, name);
        t.deepEqual(
          found.map(({ id }) => Number(id)),
          [outcome.body.id],
          `${name} was answered 201`,
        );
      } else {
        t.deepEqual(found, [], `${name} was answered ${outcome.status} ${outcome.text}`);
      }
    }
    t.deepEqual([...ids.keys()], [], `rows of ${schema} that nobody asked for`);
  }
}
