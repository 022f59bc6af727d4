import { defineApp } from '../../definition/define-app.ts';
import { project } from './project.ts';

/** The example app of the demo. Delete it, and add your own. */
export const projects = defineApp({
  name: 'projects',
  directory: import.meta.dirname,
  needs: ['accounts'],
  tables: { projects: { model: 'projects.project', fields: project } },
  limits: { PROJECTS_LIMIT: 'projects' },
  menu: [{ href: '/projects', text: 'Projects' }],
  routes: () => import('./routes.ts'),
  demo: () => import('./demo.ts'),
});
