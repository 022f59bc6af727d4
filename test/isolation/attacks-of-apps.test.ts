import test from 'ava';

import { attacksOfApps } from '../../src/attacks/attacks-of-apps.ts';
import { RIGHT } from '../../src/attacks/context.ts';
import { evaluate } from '../../src/attacks/evaluate.ts';
import { plant } from '../../src/attacks/plant.ts';
import { type Channel, sendAsAcme } from '../../src/attacks/send-as-acme.ts';
import { fixtureProject } from '../fixture-app/project.ts';
import { openAttackedWorld } from './attacked-world.ts';

test("an attack of an app is stopped, and reads the other tenant's rows when the isolation layers are disabled", async (t) => {
  const world = await openAttackedWorld({ project: fixtureProject });
  try {
    await plant(world);
    const [attack] = await attacksOfApps(fixtureProject.apps);
    if (!attack) {
      return t.fail('The fixture app has an attack.');
    }
    const run = () =>
      evaluate(
        {
          world,
          fixture: (replacements: { channel: Channel } = { channel: 'driver' }, guess = RIGHT) => ({
            world,
            replacements,
            guess,
            send: (statements: readonly string[]) => sendAsAcme(world, statements, replacements.channel),
          }),
        },
        attack,
      );
    t.is(await run(), null);
    await world.asOwner('grant usage on schema globex to public; grant select on globex.notes to public');
    t.is(await run(), null);
    await world.asOwner('alter table globex.notes disable row level security');
    t.regex(String(await run()), /^read: /);
  } finally {
    await world.close();
  }
});
