import { DomainError } from '../../../errors.ts';
import type { Measure } from './catch-up.ts';
import type { TableShape } from './tables.ts';

/** @throws DomainError `precondition_failed` unless both sides of a table have as many rows with the same values */
export function assertSame(
  schema: string,
  { name }: TableShape,
  theirs: Measure | undefined,
  ours: Measure,
): void {
  if (!theirs || theirs.rows !== ours.rows || theirs.digest !== ours.digest) {
    throw new DomainError(
      'precondition_failed',
      `The copy of ${schema}.${name} is not what it was copied from, so ${schema} stays where it is: try again.`,
    );
  }
}
