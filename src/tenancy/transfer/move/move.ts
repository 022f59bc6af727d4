import type { Database } from '../../registry/databases.ts';
import type { TenancyProject } from '../../registry/project.ts';
import type { Tenant } from '../../registry/tenant.ts';

/** A tenant with the source and the target of its move. */
export type Move = Readonly<{
  main: Database;
  source: Database;
  target: Database;
  tenant: Tenant;
  project: TenancyProject;
}>;

/** When a table was last compared on both sides: after the copy, or while writes were blocked. */
export type Verified = 'snapshot' | 'switch';

export type MovedTable = Readonly<{ name: string; rows: number; verified: Verified }>;

export type MoveHooks = Readonly<{
  onStart?: (tables: number) => void;
  onTable?: (table: Readonly<{ name: string; rows: number }>) => void;
  /** Called before each step. An error that it throws aborts the move. */
  onStep?: (step: MoveStep) => void | Promise<void>;
  /** Called with the bytes of the source's log that the copy has not received yet. */
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
  /** Maximum seconds for which requests wait. The move is aborted when they have passed. */
  blockSeconds: number;
  /** Days for which the old copy is retained. 0: it is dropped after the switch. */
  keepDays: number;
  /** Aborts the move, as long as that is possible. */
  signal?: AbortSignal | undefined;
}>;

export type Moved = Readonly<{
  from: string;
  to: string;
  tables: readonly MovedTable[];
  /** Milliseconds for which requests waited. */
  blocked: number;
}>;
