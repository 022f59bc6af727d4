import test from 'ava';

import { testHttpAttacks } from '../../helpers/test-http-attacks.ts';
import { openHttpCampaign } from './http-campaign.ts';

testHttpAttacks(test, openHttpCampaign);
