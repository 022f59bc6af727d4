import type { TestFn } from 'ava';

import type { HttpCampaign } from './http-attacks.ts';

/**
 * Declares the tests of a campaign: each attack fails on the service, and succeeds without its rule. `test` is that of the
 * test file: several files run in one process, which loads this module once.
 */
export function testHttpAttacks(test: TestFn, open: () => Promise<HttpCampaign>): void {
  let campaign: HttpCampaign;
  test.before(async () => {
    campaign = await open();
  });
  test.after.always(() => campaign?.close());

  test.serial('each attack is stopped', async (t) => {
    for (const { id, name } of campaign.attacks) {
      t.is(await campaign.evaluate(id), null, name);
    }
    t.deepEqual(campaign.bugs, []);
  });

  test.serial('each attack succeeds without its rule', async (t) => {
    for (const { id } of campaign.attacks.filter(({ rule }) => rule)) {
      t.not(await campaign.evaluate(id, 'weak'), null, id);
    }
  });
}
