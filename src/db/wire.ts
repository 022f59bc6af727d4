import type pg from 'pg';
import { BackendTerminatedError } from 'slonik';

import { cancelStatement } from './cancel-statement.ts';
import { slonikError } from './driver-errors.ts';

/** One statement of the extended protocol, or a fixed script of our own. */
export type Outgoing = Readonly<{ text: string; values: readonly unknown[] } | { script: string }>;
export type Answer = PromiseSettledResult<pg.QueryResult>;

export type Wire = Readonly<{
  /** Sends all of it in one network write and waits for every answer, in order. */
  ask: (...outgoing: readonly Outgoing[]) => Promise<readonly Answer[]>;
  /** Ends the socket; what is under way fails. */
  end: () => void;
  /** PostgreSQL's last word: `I` no transaction, `T` in one, `E` in one that failed. */
  status: () => string | null;
}>;

/** Milliseconds between the request to cancel and the end of the socket. */
const AFTER_CANCEL = 1_000;

type Inner = {
  connection: { stream: NodeJS.WritableStream & { cork(): void; uncork(): void; destroy(): void } };
};

/**
 * The connection as the driver uses it.
 *
 * What has no answer after `timeout()` milliseconds is cancelled, and a second
 * later the socket is destroyed: a session may raise its own timeouts and cannot
 * refuse these. `onLost` is told when the connection is no more.
 */
export function createWire(
  client: pg.Client,
  { timeout, onLost }: { timeout: () => number; onLost: (error: Error) => void },
): Wire {
  // After connect: TLS has put another stream in the place of the first.
  const stream = () => (client as unknown as Inner).connection.stream;

  const send = (outgoing: Outgoing): Promise<pg.QueryResult> => {
    if ('script' in outgoing) {
      return client.query(outgoing.script);
    }
    const config = { text: outgoing.text, values: [...outgoing.values], queryMode: 'extended' };
    return client.query(config);
  };

  const inOneWrite = (outgoing: readonly Outgoing[]): Array<Promise<pg.QueryResult>> => {
    const socket = stream();
    socket.cork();
    try {
      return outgoing.map(send);
    } finally {
      socket.uncork();
    }
  };

  return {
    ask: async (...outgoing) => {
      let afterCancel: NodeJS.Timeout | undefined;
      const overdue = setTimeout(() => {
        cancelStatement(client);
        afterCancel = setTimeout(() => stream().destroy(), AFTER_CANCEL);
      }, timeout());
      const answers = await Promise.allSettled(inOneWrite(outgoing));
      clearTimeout(overdue);
      clearTimeout(afterCancel);
      for (const answer of answers) {
        if (answer.status === 'rejected') {
          answer.reason = slonikError(answer.reason);
          if (answer.reason instanceof BackendTerminatedError) {
            onLost(answer.reason);
          }
        }
      }
      return answers;
    },
    end: () => {
      stream().destroy();
    },
    status: () => client.getTransactionStatus(),
  };
}
