import { defineApp } from '../../../src/definition/define-app.ts';

/** An app with a global table, and with a column and an index of each extension that PostgreSQL itself contains. */
export const places = defineApp({
  name: 'fixture_places',
  directory: import.meta.dirname,
  extensions: ['citext', 'pg_trgm', 'pgcrypto', 'hstore', 'ltree', 'unaccent', 'btree_gist', 'uuid-ossp'],
});
