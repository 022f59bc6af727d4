import { defineApp } from '../../definition/define-app.ts';

/** The pages of the public site. */
export const site = defineApp({
  name: 'site',
  directory: import.meta.dirname,
  on: ['site'],
  routes: () => import('./routes.ts'),
});
