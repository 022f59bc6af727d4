import type { Socket } from 'node:net';
import type pg from 'pg';
import { BackendTerminatedError, StatementCancelledError } from 'slonik';

import { DomainError } from '../../errors.ts';
import type { Batch } from './batch.ts';
import { cancelStatement } from './cancel-statement.ts';
import { Deadline, timedOut, waitForBackend } from './deadline.ts';
import { connectionTerminated, resultTooLarge, slonikError } from './driver-errors.ts';
import { MESSAGE } from './message-reader.ts';
import { receiveMessages } from './receive-messages.ts';
import { UnfinishedBatches } from './unfinished-batches.ts';

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

export type ConnectionEvents = Readonly<{
  /** Called when the connection must not be used again, but can still end its transaction. */
  onRetired: (error: Error) => void;
  /** Called when the connection is closed or broken. */
  onLost: (error: Error) => void;
}>;

type PgConnection = pg.Connection & { stream: Socket };

/**
 * Sends batches over a pg client and enforces limits that a session cannot change.
 *
 * A statement that does not end in time is cancelled, and the connection is retired. When PostgreSQL
 * ignores the cancels, the batch fails, and the connection is held open until the server responds,
 * closes it, or `isWorking` returns false. A limit on the number of backends must count it until then.
 */
export class Connection {
  /**
   * The process id of the backend, as the backend reported it. Behind PgBouncer the id that the client
   * received is not a backend's.
   */
  #backendPid: number | null = null;
  #isDirect = false;
  /** Opens and closes the connection. */
  readonly client: pg.Client;
  readonly #events: ConnectionEvents;
  readonly #isWorking: ((backendPid: number) => Promise<boolean>) | undefined;
  readonly #deadline: Deadline;
  readonly #unfinished: UnfinishedBatches;
  #limit = Number.POSITIVE_INFINITY;
  #received = 0;
  #status: string | null = null;
  #isEnded = false;

  constructor(
    client: pg.Client,
    {
      isWorking,
      ...events
    }: ConnectionEvents &
      Readonly<{
        /** Whether the backend with this process id still runs a transaction. Rejects when that is unknown. */
        isWorking?: ((backendPid: number) => Promise<boolean>) | undefined;
      }>,
  ) {
    this.client = client;
    this.#events = events;
    this.#isWorking = isWorking;
    this.#deadline = new Deadline(client, () => events.onRetired(timedOut()));
    this.#unfinished = new UnfinishedBatches(
      (error) => this.#translate(error),
      () => this.#stopLimits(),
    );
    const fail = (error: Error): void => {
      this.#isEnded = true;
      this.#unfinished.finish(error);
    };
    client.on('error', fail);
    client.on('end', () => fail(connectionTerminated()));
  }

  async connect(): Promise<void> {
    await this.client.connect();
    this.#status = this.client.getTransactionStatus();
    receiveMessages(this.#stream, {
      onChunk: () => this.#checkSize(),
      handle: (code, bytes, start, end) => this.#handle(code, bytes, start, end),
      onInvalid: (error) => {
        this.#unfinished.abort(error);
        this.destroy();
      },
    });
  }

  /** Returns whether a message belongs to a batch. */
  #handle(code: number, bytes: Buffer, start: number, end: number): boolean {
    if (code === MESSAGE.readyForQuery) {
      this.#status = String.fromCharCode(bytes[start] as number);
    }
    const batch = this.#unfinished.first;
    if (!batch) {
      return false;
    }
    const response = batch.handle(code, bytes, start, end);
    if (response) {
      this.#stream.write(response);
    }
    return true;
  }

  /**
   * Closes the connection in PostgreSQL's order. A statement in progress is cancelled first: a backend
   * does not notice that its client is gone, and would commit a single statement that waited for a lock.
   */
  async close(): Promise<void> {
    if (!this.#unfinished.isEmpty) {
      const finished = this.#unfinished.allFinished();
      await cancelStatement(this.client);
      await finished;
    }
    await this.client.end();
  }

  /** Destroys the socket. Statements in progress fail. */
  destroy(): void {
    this.#stream.destroy();
  }

  /** PostgreSQL's last transaction status: `I` no transaction, `T` in one, `E` in one that failed. */
  get status(): string | null {
    return this.#status;
  }

  /** Sets the process id that the backend has reported. Null before the next entry. */
  setBackendPid(pid: number | null): void {
    this.#backendPid = pid;
    if (pid !== null) {
      // A pooler makes up the process id that a client receives.
      this.#isDirect = pid === (this.client as { processID?: number }).processID;
    }
  }

  /** Whether the backend is this connection's own, and not lent by a pooler. False until it has reported its process id. */
  get isDirect(): boolean {
    return this.#isDirect;
  }

  /** Sends the batches in one network write. The limits apply to all together. */
  send({ timeout, bytes, onOverdue }: RoundLimits, batches: readonly Batch[]): void {
    const socket = this.#stream;
    const messages = this.#encode(batches);
    this.#received = socket.bytesRead;
    this.#limit = bytes ?? Number.POSITIVE_INFINITY;
    this.#deadline.start(timeout, () => this.#handleOverdue(onOverdue));
    for (const batch of batches) {
      this.#unfinished.add(batch);
    }
    if (this.#isEnded || !socket.writable) {
      queueMicrotask(() => {
        for (const batch of batches) {
          batch.finish(connectionTerminated());
        }
      });
    } else {
      const [first] = messages;
      socket.write(first && messages.length === 1 ? first : Buffer.concat(messages));
    }
  }

  /**
   * Returns the messages of each batch. When one cannot be encoded, nothing is sent, and the connection is lost: its
   * session counts as entered.
   */
  #encode(batches: readonly Batch[]): readonly Buffer[] {
    try {
      return batches.map((batch) => batch.encode());
    } catch (error) {
      this.#events.onLost(error as Error);
      throw error;
    }
  }

  #stopLimits(): void {
    this.#deadline.stop();
    this.#limit = Number.POSITIVE_INFINITY;
  }

  /** Returns the error to report in place of one of pg. */
  #translate(error: Error): Error {
    const reported = error instanceof DomainError ? error : slonikError(error);
    const reason =
      this.#deadline.hasCancelled && reported instanceof StatementCancelledError ? timedOut() : reported;
    if (reason instanceof BackendTerminatedError) {
      this.#events.onLost(reason);
    }
    return reason;
  }

  #handleOverdue(onOverdue: RoundLimits['onOverdue']): void {
    if (!onOverdue) {
      this.destroy();
      return;
    }
    this.#unfinished.abort(timedOut());
    onOverdue(this.#hold());
  }

  /** Resolves when the backend has finished, and then closes the connection. */
  async #hold(): Promise<void> {
    await waitForBackend(this.client, this.#unfinished.allFinished(), async () =>
      this.#isWorking && this.#backendPid !== null ? this.#isWorking(this.#backendPid) : true,
    );
    if (!this.#unfinished.isEmpty) {
      // The server has no transaction of this connection, so the connection was lost.
      this.destroy();
    }
    this.#events.onLost(slonikError(connectionTerminated()));
  }

  #checkSize(): void {
    const limit = this.#limit;
    if (this.#stream.bytesRead - this.#received > limit) {
      this.#limit = Number.POSITIVE_INFINITY;
      // The backend is sending, so it ends with its connection. It is cancelled too, in case it
      // computes in between.
      void cancelStatement(this.client);
      const error = resultTooLarge(limit);
      this.#events.onRetired(error);
      this.#unfinished.abort(error);
      this.destroy();
    }
  }

  get #stream(): Socket {
    return (this.client as unknown as { connection: PgConnection }).connection.stream;
  }
}
