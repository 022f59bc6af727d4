import { defineApp } from 'koa-tenants';

/** Notes of a team, and comments on them. */
export const notes = defineApp({
  name: 'notes',
  directory: import.meta.dirname,
  needs: ['accounts'],
  tables: {
    notes: { model: 'notes.note' },
    comments: { model: 'notes.comment' },
  },
  routes: () => import('./routes.ts'),
  attacks: () => import('./attacks.ts'),
});
