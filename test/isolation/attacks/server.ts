import type pg from 'pg';

import { seen } from '../../../src/attacks/evaluate.ts';
import { until } from '../../helpers/server.ts';
import { enterBare } from '../attack.ts';
import type { Attack, Category } from './attack.ts';

const terminate: Attack = {
  id: 'backend-terminate',
  name: "a tenant cannot terminate another's connection",
  controls: 'one SQL expression',
  walls: ['hardening'],
  leak: 'change',
  action: async ({ world, send }) => {
    const victim = await world.ownBackend();
    await victim.query('begin');
    await enterBare(victim, world, world.globex);
    const { rows } = await victim.query<{ pid: number }>('select pg_backend_pid() as pid');
    // A login may terminate its own backends. Revoke its role first.
    await send([
      `select set_config('role', 'none', true)`,
      `select pg_terminate_backend(${rows[0]?.pid}, 5000)::text`,
    ]);
    try {
      await victim.query('select from attack_notes');
      return [];
    } catch (error) {
      return seen((error as Error).message);
    } finally {
      await victim.end().catch(() => {});
    }
  },
};

const blocked: Attack = {
  id: 'backend-blocked',
  name: "a tenant cannot see that another's request waits",
  controls: 'one SQL expression',
  walls: ['hardening'],
  leak: 'bit',
  action: async ({ world, send }) => {
    const [holder, waiter] = [await world.ownBackend(), await world.ownBackend()];
    const pidOf = async (client: pg.Client) =>
      (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;
    for (const client of [holder, waiter]) {
      await client.query('begin');
      await enterBare(client, world, world.globex);
    }
    await holder.query('select from attack_notes where id = 1 for update');
    const [held, waits] = [await pidOf(holder), await pidOf(waiter)];
    const waited = waiter.query('select from attack_notes where id = 1 for update');
    await until(
      () => world.asOwner<{ pids: number[] }>('select pg_blocking_pids($1) as pids', [waits]),
      ([row]) => row?.pids.includes(held ?? 0) === true,
    );
    const received = await send([`select pg_blocking_pids(${waits}) as pids`]);
    await holder.query('rollback');
    await waited;
    await waiter.query('rollback');
    return JSON.stringify(received).includes(`"pids":[${held}]`) ? seen('the wait was seen') : received;
  },
};

const loginSetting: Attack = {
  id: 'login-setting',
  name: "a tenant cannot change the default settings of the service's login",
  controls: 'several statements',
  walls: ['statement'],
  leak: 'change',
  action: async ({ world, send }) => {
    await send(['set local role none', `alter role ${world.service} set work_mem = '1MB'`]);
    const settings = await world.asOwner<{ setting: string }>(
      'select unnest(setconfig) as setting from pg_db_role_setting where setrole = $1::regrole',
      [world.service],
    );
    await world.asOwner(`alter role ${world.service} reset work_mem`);
    return settings
      .filter(({ setting }) => setting.startsWith('work_mem'))
      .map(({ setting }) => seen(setting));
  },
};

const fileRead: Attack = {
  id: 'file-read',
  name: "a tenant cannot read the server's files",
  controls: 'several statements',
  walls: ['statement', 'login'],
  leak: 'row',
  // In two parts, because an error message may contain the sent text.
  action: ({ send }) =>
    send(['set local role none', `select 'canary-' || '8d1f3c ' || pg_read_file('PG_VERSION')`]),
};

export const server: Category = {
  title: 'The server: connections, settings, files',
  attacks: [terminate, blocked, loginSetting, fileRead],
};
