import type { TestFn } from 'ava';

import type { HttpAttackSuite } from './http-attacks.ts';

/**
 * Declares the tests of a suite: each attack fails on the service, and succeeds without its rule. `test` is that of the
 * test file: several files run in one process, which loads this module once.
 */
export function testHttpAttacks(test: TestFn, open: () => Promise<HttpAttackSuite>): void {
  let suite: HttpAttackSuite;
  test.before(async () => {
    suite = await open();
  });
  test.after.always(() => suite?.close());

  test.serial('each attack is stopped', async (t) => {
    for (const { id, name } of suite.attacks) {
      t.is(await suite.evaluate(id), null, name);
    }
    t.deepEqual(suite.bugs, []);
  });

  test.serial('each attack succeeds without its rule', async (t) => {
    for (const { id } of suite.attacks.filter(({ rule }) => rule)) {
      t.not(await suite.evaluate(id, 'weak'), null, id);
    }
  });
}
