import test from 'ava';

import { workerJobs } from '../../../src/cli/commands/operations/worker-jobs.ts';
import { readConfig } from '../../../src/config/config.ts';
import { ValidationFailed } from '../../../src/errors.ts';
import { listOperationKinds } from '../../../src/operations/list-kinds.ts';
import { runJobsOnce } from '../../../src/tenancy/fleet/worker.ts';
import type { Operators } from '../../../src/tenancy/operations/operators.ts';
import { environmentOf } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';
import { OPERATOR, operatorsOf } from '../../tenancy/operations/open-operators.ts';
import { project } from './project.ts';

let world: World;
let operators: Operators;
const config = () =>
  readConfig(
    project,
    environmentOf(world, {
      BILLING_PLANS: JSON.stringify({ small: { settings: { USERS_LIMIT: 2 } }, large: {} }),
      BILLING_GRACE_DAYS: '3',
    }),
  );
test.before(async () => {
  world = await openWorld({ project });
  operators = await operatorsOf(
    world,
    await listOperationKinds(project, config(), { ownerService: () => null, owners: null }),
  );
});
test.after.always(() => world?.close());

/** Requests an operation of acme, runs the worker, and returns the operation. */
async function operate(kind: string, given: object) {
  const { id } = await operators.request({ ...OPERATOR, kind, tenant: 'acme', arguments: given });
  await runJobsOnce(await workerJobs(project, config(), world.ownerUrl), AbortSignal.timeout(60_000));
  return operators.find(id);
}

const lastEvent = async (action: string) =>
  (await operators.audit({ tenant: 'acme', action, limit: 1, offset: 0 })).results[0];

test.serial('an operator gives a tenant one of the plans', async (t) => {
  const kind = operators.kinds.find((each) => each.kind === 'set-plan');
  t.true(kind?.arguments.safeParse({ plan: 'small' }).success);
  const done = await operate('set-plan', { plan: 'small' });
  t.like(done, { status: 'succeeded', result: { plan: 'small', settings: { USERS_LIMIT: '2' } } });
  t.is((await operators.tenant('acme'))?.plan, 'small');
  t.like(await lastEvent('set-plan'), { actor: OPERATOR.actor, source: 'api', operation: done?.id });
  await t.throwsAsync(operate('set-plan', { plan: 'huge' }), { instanceOf: ValidationFailed });
  await t.throwsAsync(operate('set-plan', { plan: 'toString' }), { instanceOf: ValidationFailed });
});

test.serial('without plans there is no operation that sets one', async (t) => {
  const none = readConfig(project, environmentOf(world, {}));
  const kinds = await listOperationKinds(project, none, { ownerService: () => null, owners: null });
  t.deepEqual(
    kinds.map(({ kind }) => kind).filter((kind) => ['set-plan', 'record-payment'].includes(kind)),
    ['record-payment'],
  );
});

test.serial('an operator records a payment, once for each reference', async (t) => {
  const payment = { until: '2030-01-31', reference: 'INV-1', amount: '49.00', currency: 'EUR' };
  t.like((await operate('record-payment', payment))?.result, { is_new: true, served_until: '2030-02-03' });
  t.like((await operate('record-payment', payment))?.result, { is_new: false });
  t.like(await operate('record-payment', { ...payment, amount: '50.00' }), {
    status: 'failed',
    error: { code: 'payment_conflict' },
  });
  t.like((await operators.tenant('acme'))?.payments[0], { reference: 'INV-1', amount: '49.00' });
  t.is((await operators.tenant('acme'))?.payments.length, 1);
  t.like(await lastEvent('record-payment'), { actor: OPERATOR.actor, after: { reference: 'INV-1' } });
  for (const wrong of [
    { until: '2030-02-30' },
    { reference: 'stripe:1' },
    { amount: '-1' },
    { currency: 'euro' },
  ]) {
    await t.throwsAsync(operate('record-payment', { ...payment, ...wrong }), {
      instanceOf: ValidationFailed,
    });
  }
});
