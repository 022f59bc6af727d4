import { configuration } from './configuration.ts';
import { crowd } from './crowd.ts';
import { directory } from './directory.ts';
import { entry } from './entry.ts';
import { hosts } from './hosts.ts';
import { oracles } from './oracles.ts';
import type { Attack, Family } from './record.ts';
import { requests } from './requests.ts';
import { roles } from './roles.ts';
import { rows } from './rows.ts';
import { sessions } from './sessions.ts';
import { sharedState } from './shared-state.ts';
import { smuggling } from './smuggling.ts';
import { textFunctions } from './text-functions.ts';
import { tokens } from './tokens.ts';

/** Every family, in the order of the report. */
export const families: readonly Family[] = [
  rows,
  roles,
  textFunctions,
  oracles,
  sharedState,
  entry,
  sessions,
  configuration,
  hosts,
  tokens,
  requests,
  smuggling,
  directory,
  crowd,
];

export const attacks: readonly Attack[] = families.flatMap((family) => family.attacks);
