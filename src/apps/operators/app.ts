import { defineApp } from '../../definition/define-app.ts';
import { environment } from './settings.ts';

/** The operator API of the public host: tenants, operations, the fleet and its audit. */
export const operators = defineApp<Record<never, never>, typeof environment>({
  name: 'operators',
  directory: import.meta.dirname,
  on: ['site'],
  environment,
  routes: () => import('./routes.ts'),
});
