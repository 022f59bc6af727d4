import test from 'ava';

import { openWorld, type World } from '../helpers/world.ts';
import { attack, plant } from './attack.ts';
import { type Attack, attacks } from './attacks.ts';
import { sabotage, type Undo, type Wall } from './walls.ts';

/** What the attack gets while the named walls are down, and all are up again afterwards. */
async function attackWithout(
  world: World,
  { statements }: Attack,
  down: readonly Wall[],
): Promise<string | null> {
  const undo: Undo[] = [];
  try {
    for (const wall of down) {
      if (wall !== 'statement') {
        undo.push(await sabotage[wall](world));
      }
    }
    return await attack(world, statements(world), down.includes('statement') ? 'bare' : 'driver');
  } finally {
    for (const build of undo.reverse()) {
      await build();
    }
    await plant(world);
  }
}

for (const carrier of ['guarded', 'signed'] as const) {
  let world: World;
  test.serial.before(async () => {
    world = await openWorld({ carrier });
    await plant(world);
  });
  test.after.always(() => world?.close());

  for (const one of attacks) {
    for (const wall of one.walls) {
      test.serial(
        `${carrier}: the wall "${wall}" alone stops who would ${one.title}, and nothing does without it`,
        async (t) => {
          const others = one.walls.filter((other) => other !== wall);
          t.is(await attackWithout(world, one, others), null, 'the wall holds alone');
          t.truthy(await attackWithout(world, one, one.walls), 'the test notices that it is gone');
          t.is(await attackWithout(world, one, []), null, 'and that it is back');
        },
      );
    }
  }
}
