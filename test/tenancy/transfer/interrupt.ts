import type { ExecutionContext } from 'ava';

import { disconnectAt, type KillPoint } from '../../cli/kill-at.ts';
import { until } from '../../helpers/server.ts';
import type { TwoDatabases } from './two-databases.ts';

/** The statement to one of the databases at which a command ends. */
export type Moment = KillPoint & Readonly<{ on: 'main' | 'premium' }>;

/**
 * Ends the command at a statement, as if its process was killed, and waits until its connections have ended. `how`: whether
 * a process is killed, or only disconnected.
 */
export async function interrupt(
  t: ExecutionContext,
  { world, premium }: TwoDatabases,
  args: readonly string[],
  { on, ...moment }: Moment,
  { input = '', how = disconnectAt } = {},
): Promise<void> {
  const came = await how({
    args,
    urls: { main: world.ownerUrl, premium: premium.ownerUrl },
    on,
    envOf: (urls) => ({
      ...premium.env,
      OWNER_DATABASE_URL: urls.main ?? '',
      OWNER_DATABASES: `premium=${urls.premium}`,
    }),
    moment,
    input,
  });
  t.true(came, `${args[0]} at ${moment.statement}`);
  for (const side of [world, premium]) {
    await until(
      () =>
        side.asOwner(
          `select from pg_stat_activity where datname = current_database() and application_name in ('koa-tenants owner', 'koa-tenants lock', 'koa-tenants move')`,
        ),
      (sessions) => sessions.length === 0,
    );
  }
}
