import { OperatorError } from '../../../errors.ts';
import type { Measure } from './catch-up.ts';
import type { TableShape } from './tables.ts';

/**
 * Checks that both sides of a table have the same number of rows and the same values.
 *
 * @throws OperatorError `precondition_failed`
 */
export function assertSame(
  schema: string,
  { name }: TableShape,
  theirs: Measure | undefined,
  ours: Measure,
): void {
  if (!theirs || theirs.rows !== ours.rows || theirs.digest !== ours.digest) {
    throw new OperatorError(
      'precondition_failed',
      `The copy of ${schema}.${name} differs from its source, so ${schema} was not moved. Try again.`,
    );
  }
}
