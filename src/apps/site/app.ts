import { defineApp } from '../../definition/define-app.ts';

/** What the public site says of itself. */
export const site = defineApp({
  name: 'site',
  directory: import.meta.dirname,
  on: ['site'],
  routes: () => import('./routes.ts'),
});
