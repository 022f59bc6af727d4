import { type DomainError, OperatorError } from '../../errors.ts';

/** Returns the error for a missing requirement: one sentence with the solution. */
export const preconditionFailed = (message: string, cause?: unknown): DomainError =>
  new OperatorError('precondition_failed', message, cause === undefined ? undefined : { cause });
