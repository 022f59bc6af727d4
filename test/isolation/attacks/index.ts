import { categories as withoutHttp } from '../../../src/attacks/categories/index.ts';
import type { Attack, Category } from './attack.ts';
import { audit } from './audit.ts';
import { configuration } from './configuration.ts';
import { directory } from './directory.ts';
import { hosts } from './hosts.ts';
import { lanes } from './lanes.ts';
import { load } from './load.ts';
import { outsideSchemas } from './outside-schemas.ts';
import { requests } from './requests.ts';
import { server } from './server.ts';
import { sessions } from './sessions.ts';
import { singleStatements } from './single-statements.ts';
import { smuggling } from './smuggling.ts';
import { staleLookups } from './stale-lookups.ts';
import { statuses } from './statuses.ts';
import { tokens } from './tokens.ts';

/** Every category, in the order of the report. */
export const categories: readonly Category[] = [
  ...withoutHttp,
  outsideSchemas,
  server,
  statuses,
  sessions,
  configuration,
  hosts,
  tokens,
  requests,
  smuggling,
  directory,
  staleLookups,
  singleStatements,
  lanes,
  audit,
  load,
];

export const attacks: readonly Attack[] = categories.flatMap((category) => category.attacks);
