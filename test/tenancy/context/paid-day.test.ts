import test from 'ava';
import pg from 'pg';

import { createProof } from '../../../src/tenancy/context/proof.ts';
import { openWorld, type World } from '../../helpers/world.ts';

let world: World;
test.serial.before(async () => {
  world = await openWorld();
});
test.after.always(() => world?.close());

/** At any time, the date of at least one of these time zones differs from that of UTC. */
const FAR_ZONES = ['Etc/GMT+12', 'Etc/GMT-14'];

/** Returns the results of both functions for acme, whose last paid day is `days` after today's UTC date, under a TimeZone. */
async function paidIn(zone: string, days: number): Promise<unknown> {
  const client = new pg.Client(world.owner);
  await client.connect();
  try {
    await client.query(`begin; set local timezone = ${pg.escapeLiteral(zone)}`);
    await client.query(
      `update public.tenants
       set on_trial = false, paid_until = (now() at time zone 'UTC')::date + $2::integer
       where id = $1`,
      [world.acme.id, days],
    );
    const host = await client.query<{ status: string }>(
      'select r.status from tenancy.resolve_host($1) as r',
      [world.acme.host],
    );
    const { expires, text } = createProof(world.keys[0], world.acme.id);
    const entered = await client.query<{ status: string }>(
      'select e.status from tenancy.enter($1, $2, $3) as e',
      [world.acme.id, expires, text],
    );
    return [host.rows[0]?.status, entered.rows[0]?.status];
  } finally {
    await client.end();
  }
}

for (const zone of FAR_ZONES) {
  test.serial(`treats the last paid day as a day in UTC on a server with TimeZone ${zone}`, async (t) => {
    t.deepEqual(await paidIn(zone, 0), ['active', 'active']);
    t.deepEqual(await paidIn(zone, -1), ['unpaid', 'unpaid']);
  });
}
