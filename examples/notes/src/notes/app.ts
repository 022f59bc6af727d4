import { defineApp } from 'koa-tenants';

import { comment, note } from './fields.ts';

/** Notes of a team, and comments on them. */
export const notes = defineApp({
  name: 'notes',
  directory: import.meta.dirname,
  needs: ['accounts'],
  tables: {
    notes: { model: 'notes.note', fields: note, admin: { editable: ['author_id'] } },
    comments: { model: 'notes.comment', fields: comment, admin: { editable: ['note_id', 'author_id'] } },
  },
  routes: () => import('./routes.ts'),
  attacks: () => import('./attacks.ts'),
});
