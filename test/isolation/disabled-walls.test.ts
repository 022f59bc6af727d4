import test from 'ava';
import { evaluate } from '../../src/attacks/evaluate.ts';
import type { Wall } from '../../src/attacks/walls.ts';
import { attackedProject } from './attacked-project.ts';
import { openAttackedWorld } from './attacked-world.ts';
import { attacksOn, type Evaluation, openEvaluation } from './evaluate-walls.ts';
import { type Fixtures, openFixtures } from './fixture.ts';
import { switches, wholeOf } from './switches/index.ts';

/** Walls against state that a session keeps. PgBouncer resets it too, and so replaces them while they are disabled. */
const HELD_BY_A_POOLER: readonly Wall[] = [
  'reset',
  'local-settings',
  'local-context',
  'no-temp',
  'temp-last',
];

for (const contextMode of ['guarded', 'signed'] as const) {
  let fixtures: Fixtures;
  let evaluation: Evaluation;
  test.serial.before(async () => {
    fixtures = await openFixtures(await openAttackedWorld({ contextMode, project: attackedProject }));
    evaluation = openEvaluation(fixtures);
  });
  test.after.always(async () => {
    await fixtures?.close();
    await fixtures?.world.close();
  });

  for (const one of switches.filter((other) => (other.contextMode ?? contextMode) === contextMode)) {
    test.serial(`${contextMode}: an attack detects the loss of "${one.wall}" when ${one.name}`, async (t) => {
      const { succeeded, notStopped } = await evaluation.findSuccessfulAttack(one);
      t.deepEqual(notStopped, [], 'as the only wall, it stops every attack');
      const isHeldByPooler = fixtures.world.listenUrl !== undefined && HELD_BY_A_POOLER.includes(one.wall);
      t.is(succeeded !== null, !isHeldByPooler, 'an attack succeeds without it, unless a pooler replaces it');
    });
  }

  test.serial(`${contextMode}: all isolation layers are restored after the run`, async (t) => {
    for (const attack of attacksOn(fixtures.world).filter(({ id }) => id !== 'load')) {
      t.is(await evaluate(fixtures, attack), null, attack.id);
    }
  });

  // Last: every check of the database takes longer with its tenants.
  test.serial(`${contextMode}: as the only wall, the path stops the attack under load`, async (t) => {
    const path = wholeOf('path');
    t.truthy(path);
    t.deepEqual(path && (await evaluation.evaluateLoad(path)), []);
  });
}
