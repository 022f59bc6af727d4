import type pg from 'pg';

import { CANARY } from '../../../src/attacks/context.ts';
import { seen } from '../../../src/attacks/evaluate.ts';
import type { World } from '../../helpers/world.ts';
import { enterBare } from '../attack.ts';
import type { Attack, Category } from './attack.ts';

/** Returns the notifications that a connection receives while `work` runs. The test sends a last one, after which no other can arrive. */
async function notificationsDuring(
  { asOwner }: World,
  client: pg.Client,
  work: () => Promise<unknown>,
): Promise<readonly string[]> {
  const received: string[] = [];
  const last = Promise.withResolvers<void>();
  client.on('notification', ({ payload = '' }) =>
    payload === 'last' ? last.resolve() : received.push(payload),
  );
  await client.query('listen koa_tenants');
  await work();
  await asOwner(`select pg_notify('koa_tenants', 'last')`);
  await last.promise;
  return received;
}

/** Succeeds if a serving process would receive a notification that acme sends with the id of globex. */
const forged = (
  id: string,
  name: string,
  wall: 'hardening' | 'statement',
  text: (globex: string) => string,
): Attack => ({
  id,
  name,
  controls: wall === 'hardening' ? 'one SQL expression' : 'one statement',
  walls: [wall],
  leak: 'change',
  action: async ({ world, send }) => {
    // Notifications do not arrive through a pooler.
    const client = await world.ownBackend();
    const received = await notificationsDuring(world, client, () => send([text(world.globex.id)]));
    await client.end();
    return received.includes(world.globex.id) ? seen('received') : [];
  },
});

const listening: Attack = {
  id: 'notify-listen',
  name: 'a tenant cannot receive the notifications of another',
  controls: 'several statements',
  walls: ['statement'],
  leak: 'bit',
  action: async ({ world, replacements, send }) => {
    const change = () =>
      world.asOwner('update public.tenants set type = type where id = $1', [world.globex.id]);
    if (replacements.channel !== 'bare') {
      return send(['listen koa_tenants']);
    }
    // Notifications do not arrive through a pooler.
    const client = await world.ownBackend();
    await client.query('begin');
    await enterBare(client, world, world.acme);
    await client.query('commit');
    const received = await notificationsDuring(world, client, change);
    await client.end();
    return received.includes(world.globex.id) ? seen('received') : [];
  },
};

/** Creates a large object of globex's role. It is in no schema and has no policy. */
async function withObject<T>({ asOwner, globex }: World, work: (oid: number) => Promise<T>): Promise<T> {
  const [made] = await asOwner<{ oid: number }>(`select lo_from_bytea(0, '${CANARY}') as oid`);
  const oid = made?.oid ?? 0;
  await asOwner(`alter large object ${oid} owner to ${globex.role}`);
  try {
    return await work(oid);
  } finally {
    await asOwner(`select lo_unlink(${oid})`);
  }
}

const objects: readonly Attack[] = [
  {
    id: 'large-object-read',
    name: "a tenant that took another's role cannot read its large object",
    controls: 'one SQL expression',
    walls: ['hardening'],
    leak: 'row',
    action: ({ world, send }) =>
      withObject(world, (oid) =>
        send([
          `select set_config('role', '${world.globex.role}', true)`,
          `select convert_from(lo_get(${oid}), 'UTF8')`,
        ]),
      ),
  },
  {
    id: 'large-object-make',
    name: 'a tenant cannot create large objects, which have no quota',
    controls: 'one SQL expression',
    walls: ['hardening'],
    leak: 'change',
    action: async ({ world, send }) => {
      const ownObjects = () =>
        world.asOwner<{ oid: number }>(
          'select oid from pg_largeobject_metadata where lomowner = $1::regrole',
          [world.acme.role],
        );
      await send([`select lo_from_bytea(0, 'an object')`]);
      const created = await ownObjects();
      for (const { oid } of created) {
        await world.asOwner(`select lo_unlink(${oid})`);
      }
      return created.length > 0 ? seen('created') : [];
    },
  },
];

export const outsideSchemas: Category = {
  title: 'Outside schemas: notifications, large objects',
  attacks: [
    listening,
    forged(
      'notify-function',
      'a tenant cannot send a notification for another, in an expression',
      'hardening',
      (globex) => `select pg_notify('koa_tenants', '${globex}')::text`,
    ),
    forged(
      'notify-statement',
      'a tenant cannot send a notification for another',
      'statement',
      (globex) => `notify koa_tenants, '${globex}'`,
    ),
    ...objects,
  ],
};
