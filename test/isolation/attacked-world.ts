import { createAttackTables, createGlobalAttackTable } from '../../src/attacks/context.ts';
import { openOwnerConnection } from '../../src/attacks/owner-connection.ts';
import { openWorld, type World } from '../helpers/world.ts';

/** Opens a world whose tenants all have the tables of the attack suite, with its global table. */
export async function openAttackedWorld(options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const opened = await openWorld(options);
  const owner = openOwnerConnection(opened.owner);
  const world: World = { ...opened, migrating: owner.inside, asGlobalOwner: owner.asGlobalOwner };
  await createAttackTables(world, [world.acme, world.globex]);
  await createGlobalAttackTable(world);
  return {
    ...world,
    provision: async (schema) => {
      const member = await world.provision(schema);
      await createAttackTables(world, [member]);
      return member;
    },
    close: async () => {
      await owner.close();
      await world.close();
    },
  };
}
