import type pg from 'pg';

import { type AttackContext, CANARY } from '../context.ts';
import { type EntryArguments, forgedProofs } from '../forged-proofs.ts';
import type { Attack, Category } from '../record.ts';
import { enterBare } from '../send-as-acme.ts';
import type { Wall } from '../walls.ts';

/**
 * Returns what an attacker gets of globex with these arguments of `enter`, on a connection of the
 * service's login without the driver.
 */
export async function enterGlobexWith(
  world: AttackContext,
  entry: EntryArguments,
  client?: pg.Client,
): Promise<string | null> {
  const own = client ?? (await world.bare());
  await own.query('begin');
  try {
    await own.query('select from tenancy.enter($1, $2, $3)', [...entry]);
    await own.query(`set local role ${world.globex.role}`);
    const { rows } = await own.query(`select name from ${world.globex.schema}.attack_notes`);
    return JSON.stringify(rows).includes(CANARY) ? CANARY : null;
  } catch {
    return null;
  } finally {
    await own.query('rollback');
    if (own !== client) {
      await own.end();
    }
  }
}

const EXPIRY: ReadonlyArray<readonly [string, readonly [Wall, ...Wall[]]]> = [
  ['no-expiry', ['expiry', 'proof']],
  ['nothing', ['expiry', 'proof']],
  ['expired', ['expiry']],
  ['long-lived', ['expiry']],
];

const forged = forgedProofs.map(
  ({ id, title, entry }): Attack => ({
    id: `entry-${id}`,
    name: `a tenant cannot be entered ${title}`,
    controls: 'several statements',
    walls: new Map(EXPIRY).get(id) ?? ['proof'],
    leak: 'row',
    action: ({ world }) => enterGlobexWith(world, entry(world)),
  }),
);

/**
 * Returns everything that the login receives for these statements in one transaction, after entering
 * acme or no tenant.
 */
async function probeRoleChange(
  world: AttackContext,
  enters: 'acme' | 'nobody',
  work: (client: pg.Client) => Promise<unknown>,
) {
  const client = await world.bare();
  await client.query('begin');
  try {
    if (enters === 'acme') {
      await enterBare(client, world, world.acme);
      await client.query('set local role none');
    }
    await work(client);
    await client.query(`set local role ${world.globex.role}`);
    return (await client.query(`select name from ${world.globex.schema}.attack_notes`)).rows;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end();
  }
}

export const entry: Category = {
  title: 'Entry',
  attacks: [
    ...forged,
    {
      id: 'entry-second',
      name: 'a transaction that has entered one tenant cannot enter another',
      controls: 'several statements',
      walls: ['once'],
      leak: 'row',
      action: ({ world }) =>
        probeRoleChange(world, 'acme', (client) => enterBare(client, world, world.globex)),
    },
    {
      id: 'entry-owner',
      name: "the service cannot use the owners' entry function",
      controls: 'several statements',
      walls: ['owner-entry'],
      leak: 'row',
      action: ({ world }) =>
        probeRoleChange(world, 'nobody', (client) =>
          client.query(`select tenancy.enter_owner('${world.globex.schema}')`),
        ),
    },
    {
      id: 'entry-set-context',
      name: 'the service cannot set the context directly',
      controls: 'several statements',
      walls: ['owner-entry'],
      leak: 'row',
      action: ({ world }) =>
        probeRoleChange(world, 'nobody', (client) =>
          client.query(`select tenancy.set_context('${world.globex.role}')`),
        ),
    },
    {
      id: 'entry-without',
      name: "a session that takes a tenant's role without entering it reads nothing",
      controls: 'several statements',
      walls: ['policy'],
      leak: 'row',
      action: ({ world }) => probeRoleChange(world, 'nobody', async () => {}),
    },
  ],
};
