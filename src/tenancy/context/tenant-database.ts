import type { EntryStatement, Round } from '../../db/driver/entry.ts';
import type { ConnectionSource } from '../../db/pool/affine-pool.ts';
import type { SchemaName, TenantId, TenantStatus } from '../registry/tenant.ts';
import type { ConcurrencyLimiter } from './concurrency-limiter.ts';
import type { ProofKey } from './keys.ts';

/** Pools and proof key: what a transaction inside a tenant needs. Routes and `start` get one. */
export type TenantDatabase = Readonly<{
  poolOf: (tenant: TenantId) => Pick<ConnectionSource, 'connect'>;
  key: ProofKey;
  statementTimeout: number;
  /** Milliseconds that a transaction may wait for its work. Default: 0, no limit. */
  idleTimeout?: number;
  /**
   * Limits the transactions that a tenant runs at the same time. Its `enter` throws Unavailable when
   * the wait takes too long.
   */
  concurrencyLimiter?: ConcurrencyLimiter;
  /** Waits while an operation has locked the tenant. @throws Unavailable when that takes too long */
  wait?: (tenant: TenantId) => Promise<void>;
  /** Called with a tenant that a database rejected because it is locked or in another database. */
  onRefused?: (tenant: TenantId) => void;
  /** Called with the schema of a tenant when it was entered. */
  onEntered?: (tenant: TenantId, schema: SchemaName) => void;
}>;

/** Limits of this transaction in place of the defaults of `TenantDatabase`. Times are in milliseconds. */
export type TransactionLimits = Readonly<{
  statementTimeout: number;
  idleTimeout: number;
  /** Maximum number of transactions of the tenant at the same time. Null: the limiter's default. */
  concurrency: number | null;
  /** Maximum bytes of the rows of one round trip. Default: no limit. */
  resultBytes?: number;
}>;

/** Observers of transactions, and the comment of their statements. */
export type Watch = Readonly<{
  /** Returns an SQL comment made by `sqlComment`, or null. */
  comment: () => string | null;
  onRound: (round: Round) => void;
  /**
   * Called when a transaction begins. The returned function is called when it ends, with whether it
   * failed.
   */
  onTransaction?: (() => (failed: boolean) => void) | undefined;
}>;

/** Which tenant a transaction enters, and under which conditions. */
export type Entering = Readonly<{
  tenant: TenantId;
  readOnly: boolean;
  /** Checks that are sent with the entry. If one rejects, nothing that the work has done is kept. */
  guards?: readonly EntryStatement[];
  /**
   * Called with the tenant's status in the database, which may be newer than the cached one. Throws to
   * reject.
   */
  admit?: (status: TenantStatus) => void;
  /** The tenant's schema version. Statements are prepared for one version of a schema. Default: unknown. */
  schemaVersion?: string | null | undefined;
  limits?: TransactionLimits | undefined;
  watch?: Watch | undefined;
}>;
