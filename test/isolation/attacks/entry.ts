import type pg from 'pg';

import type { ProofKey } from '../../../src/tenancy/keys.ts';
import { createProof } from '../../../src/tenancy/proof.ts';
import type { World } from '../../helpers/world.ts';
import { CANARY, enterBare } from '../attack.ts';
import type { Wall } from '../wall.ts';
import type { Attack, Family } from './record.ts';

export type Ticket = readonly [tenant: string | null, expires: number | null, proof: string | null];

export const seconds = (): number => Math.floor(Date.now() / 1000);

/** What one gets of globex with a ticket, on the service's own connection without our driver. */
export async function enterGlobexWith(
  world: World,
  ticket: Ticket,
  client?: pg.Client,
): Promise<string | null> {
  const own = client ?? (await world.bare());
  await own.query('begin');
  try {
    await own.query('select from tenancy.enter($1, $2, $3)', [...ticket]);
    await own.query(`set local role ${world.globex.role}`);
    const { rows } = await own.query('select name from globex.projects');
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

export const ticketOf = (key: ProofKey, world: World, now?: number): Ticket => {
  const { expires, text } = createProof(key, world.globex.id, now);
  return [world.globex.id, expires, text];
};

type TicketFacts = Readonly<{ id: string; title: string; ticket: (world: World) => Ticket }>;

export const tickets: readonly TicketFacts[] = [
  {
    id: 'null',
    title: 'without a proof',
    ticket: ({ globex }) => [globex.id, seconds() + 60, null],
  },
  {
    id: 'empty',
    title: 'with an empty proof',
    ticket: ({ globex }) => [globex.id, seconds() + 60, ''],
  },
  {
    id: 'no-expiry',
    title: 'without an expiry',
    ticket: (world) => [world.globex.id, null, ticketOf(world.keys[0], world)[2]],
  },
  {
    id: 'nothing',
    title: 'with neither expiry nor proof',
    ticket: ({ globex }) => [globex.id, null, null],
  },
  {
    id: 'unknown-key',
    title: 'with the id of a key that is not there',
    ticket: ({ globex }) => [globex.id, seconds() + 60, `nobody.${'0'.repeat(64)}`],
  },
  {
    id: 'empty-key',
    title: 'with an empty key id',
    ticket: ({ globex }) => [globex.id, seconds() + 60, `.${'0'.repeat(64)}`],
  },
  {
    id: 'own-key',
    title: 'with a proof made with a key of its own',
    ticket: (world) => ticketOf({ id: world.keys[0].id, secret: Buffer.alloc(32, 7) }, world),
  },
  {
    id: 'database-key',
    title: "with a proof under the id of the database's own key",
    ticket: (world) => ticketOf({ id: 'own', secret: world.keys[0].secret }, world),
  },
  {
    id: 'other-tenant',
    title: 'with the proof of another tenant',
    ticket: (world) => {
      const { expires, text } = createProof(world.keys[0], world.acme.id);
      return [world.globex.id, expires, text];
    },
  },
  {
    id: 'put-off',
    title: 'with a proof whose expiry was put off',
    ticket: (world) => {
      const [tenant, expires, proof] = ticketOf(world.keys[0], world);
      return [tenant, (expires ?? 0) + 1, proof];
    },
  },
  {
    id: 'cut',
    title: 'with a proof without its last digit',
    ticket: (world) => {
      const [tenant, expires, proof] = ticketOf(world.keys[0], world);
      return [tenant, expires, proof?.slice(0, -1) ?? null];
    },
  },
  {
    id: 'key-id-only',
    title: 'with only the key id of a proof',
    ticket: (world) => [world.globex.id, seconds() + 60, world.keys[0].id],
  },
  {
    id: 'expired',
    title: 'with a proof that has expired',
    ticket: (world) => ticketOf(world.keys[0], world, Date.now() - 61_000),
  },
  {
    id: 'long-lived',
    title: 'with a proof that is good for longer than two minutes',
    ticket: (world) => ticketOf(world.keys[0], world, Date.now() + 120_000),
  },
];

const EXPIRY: ReadonlyArray<readonly [string, readonly [Wall, ...Wall[]]]> = [
  ['no-expiry', ['expiry', 'proof']],
  ['nothing', ['expiry', 'proof']],
  ['expired', ['expiry']],
  ['long-lived', ['expiry']],
];

const forged = tickets.map(
  ({ id, title, ticket }): Attack => ({
    id: `entry-${id}`,
    name: `a tenant cannot be entered ${title}`,
    controls: 'several statements',
    walls: new Map(EXPIRY).get(id) ?? ['proof'],
    leak: 'row',
    action: ({ world }) => enterGlobexWith(world, ticket(world)),
  }),
);

/** What the login is told that sends these in one transaction, having entered acme or nobody. */
async function walkIn(
  world: World,
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
    return (await client.query('select name from globex.projects')).rows;
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end();
  }
}

export const entry: Family = {
  title: 'The door',
  attacks: [
    ...forged,
    {
      id: 'entry-second',
      name: 'a transaction that has entered one tenant cannot enter another',
      controls: 'several statements',
      walls: ['once'],
      leak: 'row',
      action: ({ world }) => walkIn(world, 'acme', (client) => enterBare(client, world, world.globex)),
    },
    {
      id: 'entry-owner',
      name: 'the service cannot enter by the door of the migrations',
      controls: 'several statements',
      walls: ['doors'],
      leak: 'row',
      action: ({ world }) =>
        walkIn(world, 'nobody', (client) => client.query(`select tenancy.enter_owner('globex')`)),
    },
    {
      id: 'entry-carry',
      name: 'the service cannot write the context itself',
      controls: 'several statements',
      walls: ['doors'],
      leak: 'row',
      action: ({ world }) =>
        walkIn(world, 'nobody', (client) => client.query(`select tenancy.carry('${world.globex.role}')`)),
    },
    {
      id: 'entry-without',
      name: 'who has entered nobody and becomes a tenant reads nothing',
      controls: 'several statements',
      walls: ['policy'],
      leak: 'row',
      action: ({ world }) => walkIn(world, 'nobody', async () => {}),
    },
    ...(['deleted', 'spare', 'moving', 'maintenance'] as const).map(
      (status): Attack => ({
        id: `entry-${status}`,
        name: `a tenant in status ${status} is not entered, whatever the cache says`,
        controls: 'a stale cache',
        walls: ['status'],
        leak: 'row',
        action: async ({ world }) => {
          const set = (to: string) =>
            world.asOwner('update public.tenants set status = $2 where id = $1', [world.globex.id, to]);
          await set(status);
          try {
            return await enterGlobexWith(world, ticketOf(world.keys[0], world));
          } finally {
            await set('active');
          }
        },
      }),
    ),
  ],
};
