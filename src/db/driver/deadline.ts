import type pg from 'pg';
import { StatementTimeoutError } from 'slonik';

import { cancelStatement } from './cancel-statement.ts';

/**
 * Number of cancels before a statement counts as overdue, and the milliseconds
 * between two. A cancel that arrives while the session waits for its next
 * statement has no effect: a busy server may read it before the statement.
 */
const CANCELS = 5;
const BETWEEN_CANCELS = 250;

/** Milliseconds between two checks of an overdue backend, each with one more cancel. */
const BETWEEN_CHECKS = 1_000;

/** Creates the error of a statement that the driver cancelled. */
export const timedOut = (): Error =>
  new StatementTimeoutError(new Error('The statement did not end after it was cancelled.'));

/**
 * The time limit of what a connection has sent. A session cannot change it.
 *
 * When it has passed, the statement is cancelled, a few times. `onFirstCancel` is called as soon as the
 * first cancel is sent: a cancel may arrive late and end the next statement of the connection, so the
 * connection must not be used again. `onOverdue` is called when the statement ignores all cancels.
 */
export class Deadline {
  readonly #client: pg.Client;
  readonly #onFirstCancel: () => void;
  /**
   * Stays set when a statement has ended, and serves the next one: a timer for each statement would be created and
   * removed for every request.
   */
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires, and when it has something to do. Times are of `performance.now()`. */
  #fires = Number.POSITIVE_INFINITY;
  #due = Number.POSITIVE_INFINITY;
  #onOverdue: () => void = () => {};
  #cancels = 0;

  constructor(client: pg.Client, onFirstCancel: () => void) {
    this.#client = client;
    this.#onFirstCancel = onFirstCancel;
  }

  /** Whether a cancel has been sent since the last start. */
  get hasCancelled(): boolean {
    return this.#cancels > 0;
  }

  start(timeoutMs: number, onOverdue: () => void): void {
    this.#cancels = 0;
    this.#onOverdue = onOverdue;
    this.#setDue(timeoutMs);
  }

  stop(): void {
    this.#due = Number.POSITIVE_INFINITY;
  }

  #setDue(milliseconds: number): void {
    this.#due = performance.now() + milliseconds;
    if (this.#fires > this.#due) {
      clearTimeout(this.#timer);
      this.#setTimer(milliseconds);
    }
  }

  #setTimer(milliseconds: number): void {
    this.#fires = performance.now() + milliseconds;
    // The socket keeps the process running, but an idle connection may not.
    this.#timer = setTimeout(() => this.#fire(), milliseconds).unref();
  }

  #fire(): void {
    this.#fires = Number.POSITIVE_INFINITY;
    const remaining = this.#due - performance.now();
    if (remaining <= 0) {
      this.#cancel();
    } else if (remaining !== Number.POSITIVE_INFINITY) {
      this.#setTimer(remaining);
    }
  }

  #cancel(): void {
    if (this.#cancels === 0) {
      this.#onFirstCancel();
    }
    if (this.#cancels === CANCELS) {
      this.stop();
      this.#onOverdue();
      return;
    }
    this.#cancels += 1;
    void cancelStatement(this.#client);
    this.#setDue(BETWEEN_CANCELS);
  }
}

/**
 * Resolves when `ended` does, or the server has no transaction of the backend. Cancels the statement
 * once more at every check. PostgreSQL cannot interrupt every statement (a pattern match over a large
 * text, a regular expression).
 */
export async function waitForBackend(
  client: pg.Client,
  ended: Promise<void>,
  isWorking: () => Promise<boolean>,
): Promise<void> {
  let hasEnded = false;
  const noted = ended.then(() => {
    hasEnded = true;
  });
  for (;;) {
    await Promise.race([noted, wait(BETWEEN_CHECKS)]);
    if (hasEnded) {
      return;
    }
    void cancelStatement(client);
    if (!(await isWorking().catch(() => true))) {
      return;
    }
  }
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, milliseconds).unref();
  });
}
