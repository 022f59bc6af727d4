import { defineApp } from '../../../src/definition/define-app.ts';

/** An app on both kinds of schemas. */
export const people = defineApp({
  name: 'fixture_people',
  directory: import.meta.dirname,
  on: ['tenant', 'site'],
});
