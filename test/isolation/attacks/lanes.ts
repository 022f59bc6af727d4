import pg from 'pg';

import { seen } from '../../../src/attacks/evaluate.ts';
import { connectionAs } from '../../../src/db/admin/connection-config.ts';
import { grantToLaneSql } from '../../../src/tenancy/install/lane-logins.ts';
import { describeError, enterBare } from '../attack.ts';
import type { Fixture } from '../fixture.ts';
import type { Category } from './attack.ts';

const PASSWORD = 'the-password-of-the-lane-of-acme';
const ENTER = 'tenancy.enter(uuid, bigint, text)';
const SET_CONFIG = 'pg_catalog.set_config(text, text, boolean)';

/** Gives acme and globex a lane each, and runs `attack` on a connection of acme's login. */
async function onLaneOfAcme(
  { world }: Fixture,
  attack: (client: pg.Client) => Promise<unknown>,
): Promise<unknown> {
  const { asOwner, acme, globex, service } = world;
  const [login, other] = [`${service}_lane_0`, `${service}_lane_1`];
  await asOwner(`
    create role ${login} login noinherit password '${PASSWORD}';
    create role ${other} login noinherit;
    grant connect on database ${new URL(world.ownerUrl).pathname.slice(1)} to ${login};
    grant execute on function ${ENTER}, ${SET_CONFIG} to ${login};
    insert into tenancy.lane_logins (lane, login, is_shared) values (0, '${login}', true), (1, '${other}', true);
    update public.tenants set lane = case when id = '${acme.id}' then 0 else 1 end`);
  const client = new pg.Client(
    connectionAs(world.listenUrl ?? world.serviceUrl, { login, password: PASSWORD }),
  );
  client.on('error', () => {});
  try {
    await asOwner(`${grantToLaneSql(acme.role, '')}; ${grantToLaneSql(globex.role, '')}`);
    await client.connect();
    return await attack(client).catch(describeError);
  } finally {
    await client.end();
    await asOwner(`
      delete from tenancy.lane_logins;
      update public.tenants set lane = null;
      drop owned by ${login}, ${other};
      drop role ${login}, ${other}`);
  }
}

export const lanes: Category = {
  title: 'A login for each pool shard',
  attacks: [
    {
      id: 'lane-lock',
      name: 'with a login for each pool shard, a connection cannot take the role of a tenant of another shard and lock its tables',
      controls: 'several statements',
      walls: ['lane'],
      leak: 'row',
      action: (fixture) =>
        onLaneOfAcme(fixture, async (client) => {
          await client.query('begin');
          await enterBare(client, fixture.world, fixture.world.acme);
          await client.query(`set local role ${fixture.world.globex.role}`);
          await client.query('lock table globex.attack_notes in access exclusive mode');
          return seen('a table of globex was locked');
        }),
    },
  ],
};
