import { defineApp } from '../../definition/define-app.ts';
import { environment } from './settings.ts';

/** Subscriptions: plans, trials, and payments by hand or by Stripe. */
export const billing = defineApp<Record<never, never>, typeof environment>({
  name: 'billing',
  directory: import.meta.dirname,
  on: ['site'],
  tables: { stripe_events: { dump: 'never' } },
  environment,
  menu: [{ href: '/subscription', text: 'Subscription', staffOnly: true }],
  routes: () => import('./routes.ts'),
  jobs: () => import('./jobs.ts'),
  operations: () => import('./operations.ts'),
  commands: () => import('./commands.ts'),
});
