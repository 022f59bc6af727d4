import type { Attack, Category } from '../record.ts';
import { backendState } from './backend-state.ts';
import { commonObjects } from './common-objects.ts';
import { entry } from './entry.ts';
import { operations } from './operations.ts';
import { oracles } from './oracles.ts';
import { roles } from './roles.ts';
import { rows } from './rows.ts';
import { sharedState } from './shared-state.ts';
import { textFunctions } from './text-functions.ts';

/** The attacks that need two tenants and the service's login, and change only data of these two. */
export const categories: readonly Category[] = [
  rows,
  roles,
  textFunctions,
  oracles,
  sharedState,
  commonObjects,
  backendState,
  operations,
  entry,
];

export const attacks: readonly Attack[] = categories.flatMap((category) => category.attacks);
