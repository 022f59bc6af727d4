import type { Batch } from './batch.ts';

/** The batches of one connection that PostgreSQL has not finished, in the order in which they were sent. */
export class UnfinishedBatches {
  readonly #batches: Batch[] = [];
  readonly #translate: (error: Error) => Error;
  readonly #onAllFinished: () => void;
  readonly #waiting: Array<() => void> = [];

  /** `translate` returns the error to report in place of one of pg. */
  constructor(translate: (error: Error) => Error, onAllFinished: () => void) {
    this.#translate = translate;
    this.#onAllFinished = onAllFinished;
  }

  /** The batch that PostgreSQL responds to. */
  get first(): Batch | undefined {
    return this.#batches[0];
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  add(batch: Batch): void {
    this.#batches.push(batch);
    batch.translate = this.#translate;
    batch.onFinished = this.#remove;
  }

  // One function of the connection, not a new one for each batch: V8 creates a function that is assigned to a property in
  // its old space, where it keeps everything it refers to until a full garbage collection.
  readonly #remove = (batch: Batch): void => {
    this.#batches.splice(this.#batches.indexOf(batch), 1);
    if (this.#batches.length === 0) {
      this.#onAllFinished();
      for (const resolve of this.#waiting.splice(0)) {
        resolve();
      }
    }
  };

  /** Fails all batches. Each remains until PostgreSQL has finished it. */
  abort(error: Error): void {
    for (const batch of [...this.#batches]) {
      batch.abort(error);
    }
  }

  /** Ends all batches, because the connection has ended. */
  finish(error: Error): void {
    for (const batch of [...this.#batches]) {
      batch.finish(error);
    }
  }

  /** Resolves when PostgreSQL next finishes the last batch. */
  allFinished(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }
}
