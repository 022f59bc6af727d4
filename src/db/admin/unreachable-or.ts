import { DomainError, Unavailable } from '../../errors.ts';
import { translateViolation } from '../violations.ts';
import { connectionFailure, unreachable } from './unreachable.ts';

/** For an operator: which server cannot be reached, and why; any other error as it is. */
export const unreachableOr = (url: string, error: unknown, variables?: readonly string[]): unknown => {
  const known = translateViolation(error);
  return known instanceof Unavailable ||
    (!(known instanceof DomainError) && connectionFailure(error)?.rejected)
    ? unreachable(url, error, variables)
    : known;
};
