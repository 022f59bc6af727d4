import { defineApp } from '../../../../src/definition/define-app.ts';
import { boolean } from '../../../../src/http/fields/boolean.ts';
import { choice } from '../../../../src/http/fields/choice.ts';
import { date, datetime } from '../../../../src/http/fields/date.ts';
import { nullable, optional, readOnly } from '../../../../src/http/fields/field.ts';
import { json } from '../../../../src/http/fields/json.ts';
import { decimal } from '../../../../src/http/fields/number.ts';
import { id, relation } from '../../../../src/http/fields/relation.ts';
import { serializer } from '../../../../src/http/fields/serializer.ts';
import { text } from '../../../../src/http/fields/text.ts';

const author = serializer({
  id: id(),
  name: text({ max: 100 }),
  is_living: optional(boolean()),
});

const book = serializer({
  id: id(),
  title: text({ max: 200 }),
  author_id: relation(),
  added_by: readOnly(relation()),
  genre: optional(choice(['novel', 'poetry', 'science'])),
  price: optional(nullable(decimal({ digits: 8, places: 2, min: 0 }))),
  published_on: optional(nullable(date())),
  facts: optional(json()),
  summary: optional(text({ blank: true })),
  shelf: optional(text({ max: 1 })),
  created_at: readOnly(datetime()),
});

const loan = serializer({
  id: id(),
  borrower: text({ max: 100 }),
});

const fine = serializer({
  id: id(),
  reason: text({ max: 100 }),
  loan_id: optional(nullable(relation())),
});

/** An app without routes: its author declares tables, and finds them in the admin. */
export const library = defineApp({
  name: 'library',
  directory: import.meta.dirname,
  needs: ['accounts'],
  tables: {
    authors: { model: 'library.author', fields: author },
    books: {
      model: 'library.book',
      fields: book,
      admin: { editable: ['added_by'], columns: { shelf: 'shelf_code' }, order: ['-created_at'] },
    },
    loans: {
      model: 'library.loan',
      fields: loan,
      admin: {
        permissions: {
          view: 'library.view_loans',
          add: 'library.change_loans',
          change: 'library.change_loans',
          delete: 'library.delete_loans',
        },
      },
    },
    fines: { model: 'library.fine', fields: fine },
    // Not declared to the admin.
    secrets: { model: 'library.secret' },
  },
  permissions: {
    'library.view_loans': 'Read loans.',
    'library.change_loans': 'Read, add and change loans.',
    'library.delete_loans': 'Delete loans.',
  },
  limits: { LIBRARY_BOOKS_LIMIT: 'books' },
});
