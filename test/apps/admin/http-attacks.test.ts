import test from 'ava';

import type { HttpCampaign } from '../../helpers/http-attacks.ts';
import { openHttpCampaign } from './http-campaign.ts';

let campaign: HttpCampaign;
test.before(async () => {
  campaign = await openHttpCampaign();
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
