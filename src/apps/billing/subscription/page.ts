import { badNotice, goodNotice } from '../../../http/html/form.ts';
import { type Html, html } from '../../../http/html/html.ts';
import { card } from '../../../http/html/send-page.ts';
import type { Subscription, SubscriptionLimit } from './subscription.ts';

const MEBIBYTE = 1_048_576;

/** Names of the limits of the engine. Limits of apps are named after their setting. */
const NAMES: Readonly<Record<string, string>> = {
  TENANT_STORAGE_MB: 'Storage',
  TENANT_REQUESTS_PER_MINUTE: 'Requests per minute',
  TENANT_CONCURRENCY: 'Requests at the same time',
  STATEMENT_TIMEOUT: 'Time of a query',
};

/** Returns `Users` for USERS_LIMIT. */
const nameOf = (setting: string): string => {
  const words = setting
    .replace(/_LIMIT$/, '')
    .replaceAll('_', ' ')
    .toLowerCase();
  return NAMES[setting] ?? `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
};

// Not an Intl.NumberFormat of the module: the first takes 15 ms, which each start of the service would wait for.
const rounded = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 1 });

const amountOf = (value: number, unit: SubscriptionLimit['unit']): string =>
  unit === 'bytes'
    ? `${rounded(value / MEBIBYTE)} MiB`
    : unit === 'milliseconds'
      ? `${rounded(value / 1_000)} s`
      : value.toLocaleString('en');

const usageOf = ({ setting, limit, used, unit }: SubscriptionLimit): Html =>
  used === null
    ? html`${limit === null ? 'no limit' : amountOf(limit, unit)}`
    : html`${amountOf(used, unit)} ${limit === null ? '(no limit)' : `of ${amountOf(limit, unit)}`}${
        limit !== null &&
        html` <meter aria-label="${nameOf(setting)}" min="0" max="${limit}" value="${Math.min(used, limit)}" high="${limit * 0.9}">${Math.round((100 * used) / limit)} %</meter>`
      }`;

const day = (text: string): Html => html`<time datetime="${text}">${text}</time>`;

/** Returns what the status means for the tenant's users. */
function stateOf({ status, paid_until: until, trial_until: trial }: Subscription): Html {
  switch (status) {
    case 'trial':
      return goodNotice(trial === null ? 'The trial has no end.' : `The trial ends after ${trial}.`);
    case 'paid':
      return goodNotice(`Paid. The workspace is served until ${until}.`);
    case 'grace':
      return badNotice(
        `The last paid day is over. Without a payment, the workspace is served until ${until} only.`,
      );
    case 'unpaid':
      return badNotice(
        `The workspace has not been paid since ${until}. Users can log in and change their own account. Everything else is unavailable until the next payment. No data is deleted.`,
      );
    case 'suspended':
      return badNotice('The workspace is suspended. Contact support. No data is deleted.');
    default:
      return goodNotice('The workspace is served without a payment.');
  }
}

const limitRow = (each: SubscriptionLimit): Html =>
  html`<tr><th scope="row">${nameOf(each.setting)}</th><td>${usageOf(each)}</td></tr>`;

const paymentRow = ({
  recorded_at: at,
  paid_until: until,
  amount,
  currency,
  reference,
}: Subscription['payments'][number]): Html =>
  html`<li>${reference}${amount !== null && html`: ${amount} ${currency}`}
<p class="hint">Recorded on ${day(at.slice(0, 10))}, paid until ${day(until)}</p></li>`;

/** Returns the content of the page of the subscription. */
export const subscriptionPage = (found: Subscription): Html => html`${card(
  'Subscription',
  html`${stateOf(found)}
<dl>
<dt>Plan</dt><dd>${found.plan ?? 'none'}</dd>
${found.status !== 'trial' && found.paid_until !== null && html`<dt>Served until</dt><dd>${day(found.paid_until)}</dd>`}
</dl>
<h2>Limits and usage</h2>
<table><tbody>
${found.limits.map(limitRow)}
</tbody></table>
<p class="hint">The storage is counted with a delay of a few minutes.</p>`,
)}
<div class="card narrow below"><h2>Payments</h2>
${
  found.payments.length === 0
    ? html`<p class="quiet">No payment is recorded.</p>`
    : html`<ul class="rows">${found.payments.map(paymentRow)}</ul>`
}
</div>`;
