import { defineApp } from '../../definition/define-app.ts';
import { environment } from './settings.ts';
import type { SiteService } from './start.ts';

/** The public site: landing page, sign-up, and the search for a workspace. */
export const site = defineApp<Record<never, never>, typeof environment, SiteService>({
  name: 'site',
  directory: import.meta.dirname,
  on: ['site'],
  tables: { signups: { dump: 'never' }, workspace_searches: { dump: 'never' } },
  environment,
  freeSettingNames: true,
  routes: () => import('./routes.ts'),
  start: async (dependencies) => (await import('./start.ts')).start(dependencies),
  dueWork: ['site_mail'],
  jobs: () => import('./jobs.ts'),
  commands: () => import('./commands.ts'),
});
