import { categories as withoutHttp } from '../../../src/attacks/categories/index.ts';
import type { Attack, Category } from './attack.ts';
import { audit } from './audit.ts';
import { between } from './between.ts';
import { configuration } from './configuration.ts';
import { directory } from './directory.ts';
import { hosts } from './hosts.ts';
import { lanes } from './lanes.ts';
import { load } from './load.ts';
import { ownerless } from './ownerless.ts';
import { requests } from './requests.ts';
import { server } from './server.ts';
import { sessions } from './sessions.ts';
import { singles } from './singles.ts';
import { smuggling } from './smuggling.ts';
import { statuses } from './statuses.ts';
import { tokens } from './tokens.ts';

/** Every category, in the order of the report. */
export const categories: readonly Category[] = [
  ...withoutHttp,
  ownerless,
  server,
  statuses,
  sessions,
  configuration,
  hosts,
  tokens,
  requests,
  smuggling,
  directory,
  between,
  singles,
  lanes,
  audit,
  load,
];

export const attacks: readonly Attack[] = categories.flatMap((category) => category.attacks);
