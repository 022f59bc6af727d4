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
  /** Whether it was found after `PreparedStatements` last looked for one to remove. */
  wasFound: boolean;
  /** The columns of its result; null when it has none; undefined until PostgreSQL has described them. */
  shape: RowShape | null | undefined;
};

/** Number of statements of tenants that had a name, and of those that were parsed again. */
export type PreparedStatementUsage = { hits: number; misses: number };

/** Limit of the prepared statements of one connection. `usage` is counted by all connections that share it. */
export type PreparedStatementLimits = Readonly<{
  /** Maximum estimated bytes of the backend's memory. */
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
  readonly #usage: PreparedStatementUsage | undefined;
  /** By scope and text. One map with both in its keys would hash a long new string for each statement. */
  readonly #scopes = new Map<string, Map<string, PreparedStatement>>();
  /**
   * All statements, in the order in which #makeSpace looks at them. A list in the order of their last use would be
   * changed for each statement of a request, in memory that is in no processor cache when there are many tenants.
   */
  readonly #all = new Set<PreparedStatement>();
  readonly #maxBytes: number;
  #bytes = 0;
  #unused: string[] = [];

  constructor({ bytes, usage }: PreparedStatementLimits) {
    this.#usage = usage;
    this.#maxBytes = bytes;
  }

  /** Returns the statement of a text in a scope. A new one becomes known when `add` is called. */
  find(scope: string, text: string): PreparedStatement {
    const known = this.#scopes.get(scope)?.get(text);
    const usage = this.#usage;
    if (usage && scope !== '') {
      usage[known ? 'hits' : 'misses'] += 1;
    }
    if (known) {
      known.wasFound = true;
      return known;
    }
    return {
      name: randomBytes(12).toString('base64url'),
      scope,
      text,
      bytes: estimateBytes(text),
      isParsed: false,
      wasFound: false,
      shape: undefined,
    };
  }

  /**
   * Adds a statement that PostgreSQL has parsed. Removes the oldest ones beyond the limit that were not used lately, or the
   * statement itself if it alone exceeds the limit.
   */
  add(statement: PreparedStatement): void {
    statement.isParsed = true;
    this.remove(statement);
    if (statement.bytes > this.#maxBytes) {
      this.#unused.push(statement.name);
      return;
    }
    this.#makeSpace(statement.bytes);
    const ofScope = this.#scopes.get(statement.scope) ?? new Map<string, PreparedStatement>();
    this.#scopes.set(statement.scope, ofScope.set(statement.text, statement));
    this.#all.add(statement);
    this.#bytes += statement.bytes;
  }

  /** Removes the statement with the scope and the text of `statement`. Its name is closed with the next batch. */
  remove({ scope, text }: Pick<PreparedStatement, 'scope' | 'text'>): void {
    const ofScope = this.#scopes.get(scope);
    const known = ofScope?.get(text);
    if (!known) {
      return;
    }
    this.#all.delete(known);
    this.#bytes -= known.bytes;
    ofScope?.delete(text);
    if (ofScope?.size === 0) {
      this.#scopes.delete(scope);
    }
    this.#unused.push(known.name);
  }

  /** Removes statements until `bytes` more are within the limit. One that was found is removed in the next pass (CLOCK). */
  #makeSpace(bytes: number): void {
    // A Set visits an element that was deleted and added again once more, at the end.
    for (const statement of this.#all) {
      if (this.#bytes + bytes <= this.#maxBytes) {
        return;
      }
      if (statement.wasFound) {
        statement.wasFound = false;
        this.#all.delete(statement);
        this.#all.add(statement);
      } else {
        this.remove(statement);
      }
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
    return this.#all.size;
  }

  get bytes(): number {
    return this.#bytes;
  }
}
