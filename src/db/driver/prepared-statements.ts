import { randomBytes } from 'node:crypto';

import type { RowShape } from './row-shape.ts';

/** A statement of one session that has a name, or will have it after `ParseComplete`. */
export type PreparedStatement = {
  readonly name: string;
  readonly scope: string;
  readonly text: string;
  /** Estimated bytes of the backend's memory. */
  readonly bytes: number;
  /** Whether PostgreSQL has confirmed the name. */
  isParsed: boolean;
  /** The columns of its result; null when it has none; undefined until PostgreSQL has described them. */
  shape: RowShape | null | undefined;
  /** Number of the lookup that has found it last. */
  lastFound: number;
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
 * The prepared statements of one connection.
 *
 * A name is 96 random bits, so that no SQL text can name a statement of the driver: not to run it, to
 * replace it or to remove it. PostgreSQL lists names only in `pg_prepared_statements`, which hardening
 * revokes.
 *
 * A statement belongs to a scope, for example a tenant. PostgreSQL plans a statement anew when path or role
 * differ from the last time, so one name for two tenants would save nothing.
 */
export class PreparedStatements {
  readonly #limits: PreparedStatementLimits;
  /** By scope and text. One map with both in its keys would hash a long new string for each statement. */
  readonly #scopes = new Map<string, Map<string, PreparedStatement>>();
  readonly #statements = new Set<PreparedStatement>();
  #lookups = 0;
  #bytes = 0;
  #unused: string[] = [];

  constructor(limits: PreparedStatementLimits) {
    this.#limits = limits;
  }

  /** Returns the statement of a text in a scope. A new one becomes known when `add` is called. */
  find(scope: string, text: string): PreparedStatement {
    const known = this.#scopes.get(scope)?.get(text);
    const { usage } = this.#limits;
    if (usage && scope !== '') {
      usage[known ? 'hits' : 'misses'] += 1;
    }
    this.#lookups += 1;
    if (known) {
      known.lastFound = this.#lookups;
      return known;
    }
    return {
      name: randomBytes(12).toString('base64url'),
      scope,
      text,
      bytes: estimateBytes(text),
      isParsed: false,
      shape: undefined,
      lastFound: this.#lookups,
    };
  }

  /** Adds a statement that PostgreSQL has parsed. Removes the least recently used ones beyond the limits. */
  add(statement: PreparedStatement): void {
    statement.isParsed = true;
    this.remove(statement);
    const ofScope = this.#scopes.get(statement.scope) ?? new Map<string, PreparedStatement>();
    this.#scopes.set(statement.scope, ofScope.set(statement.text, statement));
    this.#statements.add(statement);
    this.#bytes += statement.bytes;
    while (this.#statements.size > this.#limits.count || this.#bytes > this.#limits.bytes) {
      this.remove(this.#leastRecentlyFound(statement));
    }
  }

  /**
   * Searches all statements. Only a request that has parsed a statement calls this, and parsing takes much longer. To
   * maintain an order, every lookup would need more time.
   */
  #leastRecentlyFound(newest: PreparedStatement): PreparedStatement {
    let oldest = newest;
    for (const statement of this.#statements) {
      if (statement.lastFound < oldest.lastFound) {
        oldest = statement;
      }
    }
    return oldest;
  }

  /** Removes the statement with the scope and the text of `statement`. Its name is closed with the next batch. */
  remove({ scope, text }: Pick<PreparedStatement, 'scope' | 'text'>): void {
    const ofScope = this.#scopes.get(scope);
    const known = ofScope?.get(text);
    if (ofScope && known) {
      ofScope.delete(text);
      if (ofScope.size === 0) {
        this.#scopes.delete(scope);
      }
      this.#statements.delete(known);
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
