import type { Socket } from 'node:net';
import type pg from 'pg';
import { BackendTerminatedError, StatementCancelledError, StatementTimeoutError } from 'slonik';

import { DomainError } from '../../errors.ts';
import { cancelStatement } from './cancel-statement.ts';
import { slonikError } from './driver-errors.ts';
import { rememberStatement } from './failed-statement.ts';

/** One statement of the extended protocol, or a fixed script of the driver. */
export type Outgoing = Readonly<
  | {
      text: string;
      values: readonly unknown[];
      /** Called with the rows when they arrive, before the other results of the same write. */
      onRows?: ((rows: ReadonlyArray<Record<string, unknown>>) => void) | undefined;
    }
  | { script: string }
>;
export type Answer = PromiseSettledResult<pg.QueryResult>;

/** Limits of one round trip. */
export type RoundLimits = Readonly<{
  /** Milliseconds until the statement is cancelled. */
  timeout: number;
  /** Maximum bytes of all results together. Null: no limit. */
  bytes: number | null;
  /**
   * Called when a statement has not ended after all cancels, with a promise that resolves when the
   * backend is known to have finished. The connection stays open until then. Without it, the socket
   * is destroyed.
   */
  onOverdue?: ((finished: Promise<void>) => void) | undefined;
}>;

export type Connection = Readonly<{
  /** Sends everything in one network write, and returns every result, in order. */
  roundTrip: (limits: RoundLimits, ...outgoing: readonly Outgoing[]) => Promise<readonly Answer[]>;
  /** Destroys the socket. Statements in progress fail. */
  end: () => void;
  /** PostgreSQL's last transaction status: `I` no transaction, `T` in one, `E` in one that failed. */
  status: () => string | null;
}>;

/**
 * Number of cancels before a statement counts as overdue, and the milliseconds
 * between two. A cancel that arrives while the session waits for its next
 * statement has no effect: a busy server may read it before the statement.
 */
const CANCELS = 5;
const BETWEEN_CANCELS = 250;

/** Milliseconds between two checks of an overdue backend, each with one more cancel. */
const BETWEEN_CHECKS = 1_000;

type Inner = { connection: { stream: Socket } };

const timedOut = (): Error =>
  new StatementTimeoutError(new Error('The statement did not end after it was cancelled.'));

const tooLarge = (bytes: number): DomainError =>
  new DomainError(
    'response_too_large',
    `The rows of this request have more than ${bytes} bytes. Ask for less at a time.`,
  );

/**
 * Sends statements over a pg client and enforces limits that a session cannot change.
 *
 * A statement without a result after `timeout` milliseconds is cancelled. `onRetired` is called as
 * soon as the first cancel is sent: a cancel may arrive late and end the next statement of the
 * connection, so the connection must not be used again.
 *
 * PostgreSQL cannot interrupt every statement (a pattern match over a large text, a regular
 * expression). When it ignores the cancels, the round trip fails and the connection is held open until
 * the server responds, closes it, or `isWorking` returns false. A limit on the number of backends must
 * count it until then.
 *
 * `onLost` is called when the connection is closed or broken.
 */
export function createConnection(
  client: pg.Client,
  {
    onRetired,
    onLost,
    isWorking,
    backendPid,
  }: {
    onRetired: (error: Error) => void;
    onLost: (error: Error) => void;
    /** Whether the backend with this process id still runs a transaction. Rejects when that is unknown. */
    isWorking?: ((backendPid: number) => Promise<boolean>) | undefined;
    backendPid: () => number | null;
  },
): Connection {
  // Read after connect: TLS replaces the first stream.
  const stream = () => (client as unknown as Inner).connection.stream;

  const send = (outgoing: Outgoing): Promise<pg.QueryResult> => {
    if ('script' in outgoing) {
      return client.query(outgoing.script);
    }
    const { text, values, onRows } = outgoing;
    const config = { text, values: [...values], queryMode: 'extended' };
    const answer: Promise<pg.QueryResult> = client.query(config);
    return answer.then(
      (result) => {
        onRows?.(result.rows);
        return result;
      },
      (error: unknown) => {
        throw rememberStatement(error, text);
      },
    );
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

  /** Resolves when `answered` does, the connection ends, or the backend has finished; then closes the connection. */
  const hold = async (answered: Promise<unknown>): Promise<void> => {
    let hasAnswered = false;
    const ended = answered.finally(() => {
      hasAnswered = true;
    });
    for (;;) {
      await Promise.race([ended, wait(BETWEEN_CHECKS)]);
      if (hasAnswered) {
        break;
      }
      cancelStatement(client);
      const pid = backendPid();
      if (isWorking && pid !== null && !(await isWorking(pid).catch(() => true))) {
        // The server has no transaction of this connection, so the connection was lost.
        stream().destroy();
        break;
      }
    }
    onLost(slonikError(new Error('Connection terminated')));
  };

  return {
    roundTrip: async ({ timeout, bytes, onOverdue }, ...outgoing) => {
      const socket = stream();
      const settled: Answer[] = [];
      const failed = Promise.withResolvers<Error>();
      let cancels = 0;
      const promises = inOneWrite(outgoing);
      const answered = Promise.allSettled(
        promises.map(async (promise, index) => {
          const [answer] = await Promise.allSettled([promise]);
          settled[index] = answer as Answer;
        }),
      );
      const cancel = (): void => {
        if (cancels === 0) {
          onRetired(timedOut());
        }
        if (cancels < CANCELS) {
          cancels += 1;
          cancelStatement(client);
          timer = setTimeout(cancel, BETWEEN_CANCELS);
        } else if (onOverdue) {
          failed.resolve(timedOut());
          onOverdue(hold(answered));
        } else {
          socket.destroy();
        }
      };
      let timer = setTimeout(cancel, timeout);

      const before = socket.bytesRead;
      const count = (): void => {
        if (bytes !== null && socket.bytesRead - before > bytes) {
          socket.off('data', count);
          // The backend is sending, so it ends with its connection. It is cancelled too, in case it
          // computes in between.
          cancelStatement(client);
          const error = tooLarge(bytes);
          onRetired(error);
          failed.resolve(error);
          socket.destroy();
        }
      };
      if (bytes !== null) {
        socket.on('data', count);
      }

      const failure = await Promise.race([answered, failed.promise]);
      clearTimeout(timer);
      socket.off('data', count);
      return outgoing.map((_, index): Answer => {
        const answer = settled[index] ?? { status: 'rejected', reason: failure };
        if (answer.status === 'fulfilled') {
          return answer;
        }
        const reported = answer.reason instanceof DomainError ? answer.reason : slonikError(answer.reason);
        const reason = cancels > 0 && reported instanceof StatementCancelledError ? timedOut() : reported;
        if (reason instanceof BackendTerminatedError) {
          onLost(reason);
        }
        return { status: 'rejected', reason };
      });
    },
    end: () => {
      stream().destroy();
    },
    status: () => client.getTransactionStatus(),
  };
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
