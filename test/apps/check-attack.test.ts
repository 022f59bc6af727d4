/** Run alone: node_modules/.bin/node test/run.ts test/apps/check-attack.test.ts */
import test from 'ava';

import { project } from '../../src/project.ts';
import { REPOSITORY_CLI, run } from '../cli/run.ts';
import { environmentOf } from '../helpers/server.ts';
import { openWorld } from '../helpers/world.ts';

test("check --attack finds no leak in the tables of this repository's apps", async (t) => {
  t.timeout(300_000);
  const world = await openWorld({ project });
  try {
    const { code, out, err } = await run(
      REPOSITORY_CLI,
      ['check', '--attack', '--json'],
      environmentOf(world),
    );
    t.is(code, 0, err);
    const verdicts = JSON.parse(out) as ReadonlyArray<{ id: string; leak: string | null }>;
    t.true(verdicts.length > 100);
    t.deepEqual(
      verdicts.filter(({ leak }) => leak !== null),
      [],
    );
  } finally {
    await world.close();
  }
});
