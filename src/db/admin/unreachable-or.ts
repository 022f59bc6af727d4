import { DomainError, Unavailable } from '../../errors.ts';
import { translateViolation } from '../violations.ts';
import { connectionFailure, unreachable } from './unreachable.ts';

/**
 * Returns an error for an operator that names the unreachable server and the reason. Returns other
 * errors unchanged.
 */
export const unreachableOr = (url: string, error: unknown, variables?: readonly string[]): unknown => {
  const known = translateViolation(error);
  return known instanceof Unavailable ||
    (!(known instanceof DomainError) && connectionFailure(error)?.rejected)
    ? unreachable(url, error, variables)
    : known;
};
