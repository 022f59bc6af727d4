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

/**
 * How often PostgreSQL is asked to cancel, and the milliseconds between. One that
 * comes while the session waits for its next statement is forgotten: a busy
 * server reads it before the statement. The last goes with the end of the socket.
 */
const CANCELS = 5;
const BETWEEN_CANCELS = 250;

type Inner = {
  connection: { stream: NodeJS.WritableStream & { cork(): void; uncork(): void; destroy(): void } };
};

/**
 * The connection as the driver uses it.
 *
 * What has no answer after `timeout()` milliseconds is cancelled, and a second
 * later the socket is destroyed: a session may raise its own timeouts and cannot
 * refuse these. `onLost` is told when the connection is no more, or must not be
 * used again: a second cancel may arrive late, and would end somebody else's statement.
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
      let cancels = 0;
      const cancel = (): void => {
        cancelStatement(client);
        cancels += 1;
        if (cancels < CANCELS) {
          overdue = setTimeout(cancel, BETWEEN_CANCELS);
        } else {
          stream().destroy();
        }
      };
      let overdue = setTimeout(cancel, timeout());
      const answers = await Promise.allSettled(inOneWrite(outgoing));
      clearTimeout(overdue);
      if (cancels > 1) {
        onLost(slonikError(new Error('Connection terminated')));
      }
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
