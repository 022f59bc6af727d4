import type { Severity } from '../../../src/db/checks.ts';
import type { World } from '../../helpers/world.ts';

/** A fault in a database that a check must report, with a remedy that fixes it. */
export type Offender = Readonly<{
  /** The file of sql/checks/, or of sql/advice/ where `severity` is `advice`. */
  check: string;
  severity?: Severity;
  what: string;
  /** SQL that creates the fault in a transaction that is rolled back. */
  plant: (world: World) => string;
  /** The expected `object fault`. */
  found: (world: World) => string | RegExp;
  /** The expected remedy, where another one could break the installation. */
  remedy?: (world: World) => string | RegExp;
  /** The SQL of an operator who follows the remedies, where they are not SQL alone. */
  follow?: (world: World) => string;
  /** Set where the remedy is not SQL that this transaction could run. */
  remedyNotRun?: true;
  /** Set where the fault belongs to the whole cluster. */
  shared?: true;
}>;

/** The name of the world's database. */
export const databaseOf = ({ ownerUrl }: World): string => new URL(ownerUrl).pathname.slice(1);
