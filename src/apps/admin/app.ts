import { defineApp } from '../../definition/define-app.ts';
import type { AdminService } from './start.ts';

/** The API of the console on a tenant's host: the rows of declared models, domains, settings and events. */
export const admin = defineApp<Record<never, never>, Record<never, never>, AdminService>({
  name: 'admin',
  directory: import.meta.dirname,
  needs: ['accounts'],
  routes: () => import('./routes.ts'),
  start: async (dependencies) => (await import('./start.ts')).start(dependencies),
});
