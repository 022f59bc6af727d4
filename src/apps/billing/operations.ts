import { z } from 'zod';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import type { OperationDependencies } from '../../definition/dependencies.ts';
import { defineOperation, type OperationKind } from '../../tenancy/operations/operation-kind.ts';
import { changePlan } from '../../tenancy/registry/change-plan.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import { recordPayment } from '../../tenancy/registry/payments.ts';
import { paymentFields } from './payment-fields.ts';
import { type Plans, planOf } from './plans.ts';
import type { environment } from './settings.ts';

const { until, reference, amount, currency } = paymentFields('');

const paymentArguments = z.strictObject({
  until: until.meta({ title: 'Last paid day' }),
  reference: reference.meta({
    title: 'Reference',
    description: 'Number of the invoice or of the transfer. Each reference counts once.',
  }),
  amount: amount.meta({ title: 'Amount', description: 'Such as 49.00.' }),
  currency: currency.meta({ title: 'Currency', description: 'A code such as EUR.' }),
});

/** Returns the operation `set-plan`, or no operation if no plans are configured: every request would fail. */
function setPlan(plans: Plans): readonly OperationKind[] {
  const [first, ...rest] = Object.keys(plans);
  return first === undefined
    ? []
    : [
        defineOperation({
          kind: 'set-plan',
          title: 'Set plan',
          description: 'Gives a tenant a plan: its settings replace those of the previous plan.',
          repeatable: true,
          arguments: z.strictObject({
            plan: z
              .enum([first, ...rest], 'BILLING_PLANS has no plan with this name')
              .meta({ title: 'Plan' }),
          }),
          run: async ({ plan: name }, { project, databases, tenant }) => {
            const plan = planOf(plans, name);
            await withAdminConnection(chooseDatabase(databases, MAIN).owner, (client) =>
              changePlan(client, project, tenant, plan, new Date()),
            );
            return { plan: name, settings: plan.settings };
          },
        }),
      ];
}

/** Returns the operations of subscriptions. */
export function operations({
  environment: { BILLING_PLANS: plans, BILLING_GRACE_DAYS: grace },
}: OperationDependencies<typeof environment>): readonly OperationKind[] {
  return [
    ...setPlan(plans),
    defineOperation({
      kind: 'record-payment',
      title: 'Record payment',
      description: 'Records a payment, once for each reference, and serves the tenant until the paid day.',
      repeatable: true,
      arguments: paymentArguments,
      run: async (given, { databases, tenant }) => {
        const { isNew, servedUntil } = await withAdminConnection(
          chooseDatabase(databases, MAIN).owner,
          (client) =>
            recordPayment(
              client,
              tenant,
              {
                reference: given.reference,
                paidUntil: given.until,
                amount: given.amount ?? null,
                currency: given.currency ?? null,
              },
              grace,
            ),
        );
        return { reference: given.reference, is_new: isNew, served_until: servedUntil };
      },
    }),
  ];
}
