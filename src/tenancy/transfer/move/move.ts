import type { Database } from '../../registry/databases.ts';
import type { TenancyProject } from '../../registry/project.ts';
import type { RegistryRow } from '../../registry/registry.ts';
import type { TenantIdentity } from '../../registry/tenant.ts';

/** Who moves, from where to where. */
export type Move = Readonly<{
  main: Database;
  source: Database;
  target: Database;
  tenant: RegistryRow;
  place: TenantIdentity;
  project: TenancyProject;
}>;

/** When a table was last counted and digested on both sides: after the copy, or when nobody wrote any more. */
export type Verified = 'snapshot' | 'switch';

export type MovedTable = Readonly<{ name: string; rows: number; verified: Verified }>;

export type MoveHooks = Readonly<{
  onStart?: (tables: number) => void;
  onTable?: (table: Readonly<{ name: string; rows: number }>) => void;
  /** What comes next. What it throws gives the move up. */
  onStep?: (step: MoveStep) => void | Promise<void>;
  /** Bytes of the source's log that the copy has still to follow. */
  onBehind?: (bytes: number) => void;
}>;

export type MoveStep =
  | 'publish'
  | 'open'
  | 'copy'
  | 'compare'
  | 'subscribe'
  | 'follow'
  | 'block'
  | 'catch up'
  | 'unsubscribe'
  | 'switch';

export type MoveLimits = Readonly<{
  /** Seconds that requests may have to wait for the switch; without it by then, the move is given up. */
  blockSeconds: number;
  /** Days that the schema is kept where it was. 0: it is dropped with the switch. */
  keepDays: number;
  /** Gives the move up when it is aborted, as far as it may still be. */
  signal?: AbortSignal | undefined;
}>;

export type Moved = Readonly<{
  from: string;
  to: string;
  tables: readonly MovedTable[];
  /** Milliseconds for which requests waited. */
  blocked: number;
}>;
