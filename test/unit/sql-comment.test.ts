import test from 'ava';
import { blockCommentLength, firstWord } from '../../src/db/driver/statement.ts';
import { sqlComment } from '../../src/db/sql/sql-comment.ts';
import fc from '../helpers/fast-check.ts';

test('a comment contains the tags with a value', (t) => {
  t.is(
    sqlComment({ tenant: 'acme', route: '/api/notes/:id', user: null }),
    `/*tenant='acme',route='/api/notes/:id'*/`,
  );
  t.is(sqlComment({ tenant: null, route: undefined }), null);
});

test('no value ends the comment, opens another, or is read by wall 0 as a statement', (t) => {
  const planted = fc.constantFrom('*/', '/*', "'", '--', '\n', 'select', '*', '/', '\0');
  const value = fc.array(fc.oneof(planted, fc.string({ unit: 'binary' }))).map((parts) => parts.join(''));
  fc.assert(
    fc.property(value, value, (tenant, route) => {
      const comment = sqlComment({ tenant, route }) ?? '';
      t.is(blockCommentLength(comment), comment.length);
      t.is(firstWord(`${comment} drop table people`), 'drop');
      t.is(firstWord(`${comment} values (1)`), 'values');
    }),
  );
});
