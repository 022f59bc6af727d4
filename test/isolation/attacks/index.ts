import { families as withoutHttp } from '../../../src/attacks/categories/index.ts';
import type { Attack, Family } from './attack-on-stage.ts';
import { between } from './between.ts';
import { configuration } from './configuration.ts';
import { crowd } from './crowd.ts';
import { directory } from './directory.ts';
import { hosts } from './hosts.ts';
import { ownerless } from './ownerless.ts';
import { requests } from './requests.ts';
import { server } from './server.ts';
import { sessions } from './sessions.ts';
import { smuggling } from './smuggling.ts';
import { statuses } from './statuses.ts';
import { tokens } from './tokens.ts';

/** Every family, in the order of the report. */
export const families: readonly Family[] = [
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
  crowd,
];

export const attacks: readonly Attack[] = families.flatMap((family) => family.attacks);
