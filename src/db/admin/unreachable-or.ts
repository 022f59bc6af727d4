import { Unavailable } from '../../errors.ts';
import { translateViolation } from '../violations.ts';
import { unreachable } from './unreachable.ts';

/** For an operator: which server does not answer, when that is what went wrong; what went wrong otherwise. */
export const unreachableOr = (url: string, error: unknown): unknown => {
  const known = translateViolation(error);
  return known instanceof Unavailable ? unreachable(url, error) : known;
};
