import { createAttackTables } from '../../src/attacks/context.ts';
import { project } from '../../src/project.ts';
import { type Member, openWorld, type World } from '../helpers/world.ts';

/** The HTTP attacks use the list of an app. It shows the rows that the SQL attacks use. */
const LIST_SHOWS_NOTES = `
  drop table projects;
  create view projects with (security_invoker = true) as
  select n.id, n.name, n.description, n.created_at
  from attack_notes as n`;

async function addTables(world: World, members: readonly Member[]): Promise<void> {
  await createAttackTables(world, members);
  if (world.fleet.project === project) {
    for (const member of members) {
      await world.migrating(member, `${LIST_SHOWS_NOTES}; select tenancy.protect_schema(current_schema())`);
    }
  }
}

/** Opens a world whose tenants all have the tables of the attack suite. */
export async function openAttackedWorld(options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const world = await openWorld(options);
  await addTables(world, [world.acme, world.globex]);
  return {
    ...world,
    provision: async (schema) => {
      const member = await world.provision(schema);
      await addTables(world, [member]);
      return member;
    },
  };
}
