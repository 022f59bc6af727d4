import { defineApp } from '../../definition/define-app.ts';
import { settings } from './settings.ts';

/** Stores the Idempotency-Key headers of requests, and the responses to them. */
export const idempotency = defineApp({
  name: 'idempotency',
  directory: import.meta.dirname,
  on: ['tenant', 'site'],
  tables: { idempotency_keys: { dump: 'never' } },
  settings,
  attacks: () => import('./attacks.ts'),
  dueWork: ['idempotency'],
  idempotency: async (dependencies) => (await import('./store.ts')).createStore(dependencies),
  start: async (dependencies) => (await import('./purge.ts')).startPurge(dependencies),
});
