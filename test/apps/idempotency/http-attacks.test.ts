import test from 'ava';

import { testHttpAttacks } from '../../helpers/test-http-attacks.ts';
import { openHttpAttackSuite } from './http-attack-suite.ts';

testHttpAttacks(test, openHttpAttackSuite);
