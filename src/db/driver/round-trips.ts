import { ApiError } from '../../errors.ts';
import type { Batch } from './batch.ts';
import type { Connection } from './connection.ts';
import type { TransactionOptions } from './entry.ts';
import type { Outcome } from './outcome.ts';

/** Milliseconds within which PostgreSQL should end an idle transaction itself. */
const AFTER_POSTGRES = 1_000;

/**
 * Sends the batches of one session, with the limits of its transaction.
 *
 * A connection whose transaction waits too long for its work is closed, because it holds locks and a connection of its
 * pool shard. PostgreSQL does this first, unless the session has raised its own timeout.
 */
export class RoundTrips {
  readonly #connection: Connection;
  /** Milliseconds until a statement is cancelled, if its transaction has no limit of its own. */
  readonly #queryTimeout: number;
  readonly #retire: (error: Error) => void;
  #idleTimer: NodeJS.Timeout | undefined;
  /** The reset that was sent last. */
  #resetting: Promise<void> | null = null;

  /** `retire` is called when the session could not be reset. */
  constructor(connection: Connection, queryTimeout: number, retire: (error: Error) => void) {
    this.#connection = connection;
    this.#queryTimeout = queryTimeout;
    this.#retire = retire;
  }

  /** Resolves when the session has been reset after its last transaction. */
  get resetting(): Promise<void> | null {
    return this.#resetting;
  }

  close(): void {
    clearTimeout(this.#idleTimer);
  }

  /** Sends a batch and reports it to `onRound`. `text` is the statement of the work. */
  send(batch: Batch, text: string | null, options: TransactionOptions): Promise<Outcome> {
    return this.#send(batch, null, text, options);
  }

  /** Sends the last batch of a transaction and the reset of the session in one network write. */
  sendLast(batch: Batch, reset: Batch, text: string | null, options: TransactionOptions): Promise<Outcome> {
    return this.#send(batch, reset, text, options);
  }

  async #send(
    batch: Batch,
    reset: Batch | null,
    text: string | null,
    options: TransactionOptions,
  ): Promise<Outcome> {
    const { idleTimeout, onRound, queryTimeout, resultBytes, onOverdue } = options;
    clearTimeout(this.#idleTimer);
    const started = onRound && performance.now();
    const limits = { timeout: queryTimeout ?? this.#queryTimeout, bytes: resultBytes ?? null, onOverdue };
    this.#connection.send(limits, reset ? [batch, reset] : [batch]);
    if (reset) {
      this.#resetting = this.#awaitReset(reset);
    }
    const outcome = await batch.outcome;
    if (onRound && started !== undefined) {
      onRound({ text, started, ended: performance.now(), failed: outcome.error !== null });
    }
    if (idleTimeout && !reset && this.#connection.status !== 'I') {
      this.#startIdleTimer(idleTimeout);
    }
    return outcome;
  }

  #startIdleTimer(idleTimeout: number): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#connection.destroy(), idleTimeout + AFTER_POSTGRES);
  }

  /** Retires the connection unless the reset has succeeded. What was committed before it is final. */
  async #awaitReset(reset: Batch): Promise<void> {
    const { error, status } = await reset.outcome;
    if (error || status !== 'I') {
      this.#retire(new ApiError('transaction_aborted', 'The session could not be reset.'));
    }
  }
}
