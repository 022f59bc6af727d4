import { defineApp } from '../../../src/definition/define-app.ts';

/** An app on both kinds of schemas. A fixture that replaces a person's password ends the person's logins. */
export const people = defineApp({
  name: 'fixture_people',
  directory: import.meta.dirname,
  on: ['tenant', 'site'],
  tables: {
    people: {
      model: 'fixture_people.person',
      checks: {
        password: (value) =>
          typeof value === 'string' && /^(?:!|hash:\w+)$/.test(value) ? null : 'it is neither "!" nor a hash',
      },
      incrementedBy: { version: 'password' },
      deletes: { when: 'password', rows: { logins: 'person_id' } },
    },
  },
});
