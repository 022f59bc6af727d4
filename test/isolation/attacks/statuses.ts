import { enterGlobexWith } from '../../../src/attacks/categories/entry.ts';
import { validEntry } from '../../../src/attacks/forged-proofs.ts';
import type { Attack, Category } from './attack.ts';

/** Creates a spare. For tests only: the next sign-up of a real installation would claim it. */
export const statuses: Category = {
  title: 'An unavailable tenant',
  attacks: (['deleted', 'spare', 'moving', 'maintenance'] as const).map(
    (status): Attack => ({
      id: `entry-${status}`,
      name: `a tenant in status ${status} cannot be entered, even if it is cached`,
      controls: 'a stale cache',
      walls: ['status'],
      leak: 'row',
      action: async ({ world }) => {
        const set = (to: string) =>
          world.asOwner('update public.tenants set status = $2 where id = $1', [world.globex.id, to]);
        await set(status);
        try {
          return await enterGlobexWith(world, validEntry(world.keys[0], world));
        } finally {
          await set('active');
        }
      },
    }),
  ),
};
