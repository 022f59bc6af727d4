import { randomBytes } from 'node:crypto';

import type { RowShape } from './row-shape.ts';

/** A statement of one session that has a name, or will have it after `ParseComplete`. */
export type PreparedStatement = {
  readonly name: string;
  readonly key: string;
  /** Estimated bytes of the backend's memory. */
  readonly bytes: number;
  /** Whether PostgreSQL has confirmed the name. */
  isParsed: boolean;
  /** The columns of its result; null when it has none; undefined until PostgreSQL has described them. */
  shape: RowShape | null | undefined;
};

/** Number of statements of tenants that had a name, and of those that were parsed again. */
export type PreparedStatementUsage = { hits: number; misses: number };

/** Limits of the prepared statements of one connection. `usage` is counted by all connections that share it. */
export type PreparedStatementLimits = Readonly<{
  count: number;
  bytes: number;
  usage?: PreparedStatementUsage;
}>;

/**
 * The memory of a statement with its plan. Measured on PostgreSQL 18: 22 kB for one row by its key, and
 * 43 kB for a page of a list of 800 characters.
 */
const estimateBytes = (text: string): number => 18_000 + 32 * text.length;

/**
 * The prepared statements of one connection, least recently used first.
 *
 * A name is 96 random bits, so that no SQL text can name a statement of the driver: not to run it, to
 * replace it or to remove it. PostgreSQL lists names only in `pg_prepared_statements`, which hardening
 * revokes.
 *
 * The key contains a scope, for example a tenant. PostgreSQL plans a statement anew when path or role
 * differ from the last time, so one name for two tenants would save nothing.
 */
export class PreparedStatements {
  readonly #limits: PreparedStatementLimits;
  readonly #statements = new Map<string, PreparedStatement>();
  #bytes = 0;
  #unused: string[] = [];

  constructor(limits: PreparedStatementLimits) {
    this.#limits = limits;
  }

  /** Returns the statement of a text in a scope. A new one becomes known when `add` is called. */
  find(scope: string, text: string): PreparedStatement {
    const key = `${scope} ${text}`;
    const known = this.#statements.get(key);
    const { usage } = this.#limits;
    if (usage && scope !== '') {
      usage[known ? 'hits' : 'misses'] += 1;
    }
    if (known) {
      this.#statements.delete(key);
      this.#statements.set(key, known);
      return known;
    }
    const name = randomBytes(12).toString('base64url');
    return { name, key, bytes: estimateBytes(text), isParsed: false, shape: undefined };
  }

  /** Adds a statement that PostgreSQL has parsed. Removes the least recently used ones beyond the limits. */
  add(statement: PreparedStatement): void {
    statement.isParsed = true;
    this.remove(statement);
    this.#statements.set(statement.key, statement);
    this.#bytes += statement.bytes;
    for (const oldest of this.#statements.values()) {
      if (this.#statements.size <= this.#limits.count && this.#bytes <= this.#limits.bytes) {
        break;
      }
      this.remove(oldest);
    }
  }

  /** Removes the statement with the key of `statement`. Its name is closed with the next batch. */
  remove({ key }: Pick<PreparedStatement, 'key'>): void {
    const known = this.#statements.get(key);
    if (known) {
      this.#statements.delete(key);
      this.#bytes -= known.bytes;
      this.#unused.push(known.name);
    }
  }

  /** Returns the names to close, once. */
  takeUnused(): readonly string[] {
    const names = this.#unused;
    if (names.length > 0) {
      this.#unused = [];
    }
    return names;
  }

  get size(): number {
    return this.#statements.size;
  }

  get bytes(): number {
    return this.#bytes;
  }
}
