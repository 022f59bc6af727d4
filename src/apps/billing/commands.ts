import { z } from 'zod';

import type { CliCommand } from '../../cli/framework/command.ts';
import type { Config } from '../../config/config.ts';
import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { connectionTo } from '../../db/admin/connection-config.ts';
import type { AppCommands } from '../../definition/app-commands.ts';
import { OperatorError } from '../../errors.ts';
import { changePlan } from '../../tenancy/registry/change-plan.ts';
import { linkCustomer, type Payment, recordPayment } from '../../tenancy/registry/payments.ts';
import { parseSchemaName } from '../../tenancy/registry/tenant.ts';
import { paymentFields } from './payment-fields.ts';
import { planOf } from './plans.ts';
import type { BillingEnvironment } from './settings.ts';

type PaymentOptions = {
  schema: string;
  until: string;
  reference: string;
  amount?: string;
  currency?: string;
  json?: true;
};

const payment = z.object(paymentFields('--'));

/** @throws OperatorError `usage_invalid` */
function parsePayment(options: PaymentOptions): Payment {
  const parsed = payment.safeParse(options);
  if (!parsed.success) {
    throw new OperatorError(
      'usage_invalid',
      `${parsed.error.issues.map(({ message }) => message).join('. ')}.`,
    );
  }
  const { reference, until, amount = null, currency = null } = parsed.data;
  return { reference, paidUntil: until, amount, currency };
}

const record: CliCommand<PaymentOptions> = {
  name: 'record-payment',
  summary: 'Record a payment of a tenant, once for each reference, and serve the tenant until the paid day.',
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant')
      .requiredOption('--until <day>', 'last paid day, such as 2027-01-31')
      .requiredOption('--reference <text>', 'number of the invoice or of the transfer')
      .option('--amount <number>', 'paid amount, such as 49.00')
      .option('--currency <code>', 'its currency, such as EUR')
      .option('--json', 'print the result as JSON'),

  async run(options, { config, ownerUrl, print }) {
    const schema = parseSchemaName(options.schema);
    const given = parsePayment(options);
    const { BILLING_GRACE_DAYS: grace } = (await config()) as Config & BillingEnvironment;
    const { isNew, servedUntil } = await withAdminConnection(connectionTo(await ownerUrl()), (client) =>
      recordPayment(client, schema, given, grace),
    );
    print(
      options.json
        ? JSON.stringify({ schema, reference: given.reference, is_new: isNew, served_until: servedUntil })
        : `Payment ${given.reference} of ${schema} ${isNew ? 'is recorded' : 'was recorded before'}. The tenant is served until ${servedUntil ?? 'further notice'}.`,
    );
  },
};

const setPlan: CliCommand<{ schema: string; plan: string }> = {
  name: 'set-plan',
  summary: 'Give a tenant a plan of BILLING_PLANS: its settings replace those of the previous plan.',
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant')
      .requiredOption('--plan <name>', 'name of the plan'),

  async run({ schema: text, plan: name }, { project, config, ownerUrl, print }) {
    const schema = parseSchemaName(text);
    const { BILLING_PLANS: plans } = (await config()) as Config & BillingEnvironment;
    const plan = planOf(plans, name);
    await withAdminConnection(connectionTo(await ownerUrl()), (client) =>
      changePlan(client, project, schema, plan, new Date()),
    );
    const settings = Object.entries(plan.settings).map(([setting, value]) => `${setting}=${value}`);
    print(`${schema} has the plan ${name}: ${settings.join(', ') || 'no settings'}.`);
  },
};

const link: CliCommand<{ schema: string; customer: string; replace?: true }> = {
  name: 'link-customer',
  summary: 'Link a tenant with its customer number at Stripe, whose payments then count for the tenant.',
  audited: false,

  declare: (parser) =>
    parser
      .requiredOption('--schema <name>', 'the tenant')
      .requiredOption('--customer <id>', 'the customer, such as cus_123')
      .option('--replace', 'replace another customer number'),

  async run({ schema: text, customer, replace = false }, { ownerUrl, print }) {
    const schema = parseSchemaName(text);
    if (!/^[!-~]{1,255}$/.test(customer)) {
      throw new OperatorError('usage_invalid', '--customer must have 1 to 255 visible ASCII characters.');
    }
    await withAdminConnection(connectionTo(await ownerUrl()), (client) =>
      linkCustomer(client, schema, customer, { replace }),
    );
    print(`${schema} is linked with the customer ${customer}.`);
  },
};

export const commands = [record, setPlan, link] as AppCommands['commands'];
