import { defineApp } from '../../../src/definition/define-app.ts';

/** An app of tenants only, whose foreign keys reference another app's table. */
export const notes = defineApp({
  name: 'fixture_notes',
  directory: import.meta.dirname,
  needs: ['fixture_people'],
  tables: { notes: { model: 'fixture_notes.note' } },
  routes: () => import('./routes.ts'),
  attacks: () => import('./attacks.ts'),
});
