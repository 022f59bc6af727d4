import { createAttackTables, createGlobalAttackTable } from '../../src/attacks/context.ts';
import { openWorld, type World } from '../helpers/world.ts';

/** Opens a world whose tenants all have the tables of the attack suite, with its global table. */
export async function openAttackedWorld(options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const world = await openWorld(options);
  await createAttackTables(world, [world.acme, world.globex]);
  await createGlobalAttackTable(world);
  return {
    ...world,
    provision: async (schema) => {
      const member = await world.provision(schema);
      await createAttackTables(world, [member]);
      return member;
    },
  };
}
