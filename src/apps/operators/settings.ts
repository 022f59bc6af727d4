import { rate } from '../../tenancy/registry/setting-fields.ts';

/** Settings of the operator API. docs/operators.md explains each. */
export const environment = {
  OPERATORS_THROTTLE: rate('120/min'),
};
