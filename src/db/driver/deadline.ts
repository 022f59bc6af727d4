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
  #timer: NodeJS.Timeout | undefined;
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
    clearTimeout(this.#timer);
    this.#cancels = 0;
    this.#timer = setTimeout(() => this.#cancel(onOverdue), timeoutMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #cancel(onOverdue: () => void): void {
    if (this.#cancels === 0) {
      this.#onFirstCancel();
    }
    if (this.#cancels === CANCELS) {
      onOverdue();
      return;
    }
    this.#cancels += 1;
    void cancelStatement(this.#client);
    this.#timer = setTimeout(() => this.#cancel(onOverdue), BETWEEN_CANCELS);
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
