import { plantStatistics } from '../../src/attacks/plant.ts';
import type { World } from '../helpers/world.ts';
import { CANARY, plant } from './attack.ts';

/** Writes values that attacks search for into globex and its registry row. */
export async function prepareWorld(world: World): Promise<void> {
  const { asOwner, globex } = world;
  await plant(world);
  await plantStatistics(world);
  await asOwner(
    `insert into tenancy.keys (id, purpose, inner_pad, outer_pad)
     values ('${CANARY}', 'context', decode(repeat('07', 64), 'hex'), decode(repeat('07', 64), 'hex'));
     insert into public.domains (domain, tenant_id) values ('${CANARY}.localhost', '${globex.id}')`,
  );
  await asOwner('select pg_stat_force_next_flush()');
  await asOwner('select 1');
}
