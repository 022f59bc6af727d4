import { type FragmentSqlToken, sql } from 'slonik';

import { ValidationFailed } from '../../errors.ts';
import {
  allOf,
  anyOf,
  type Columns,
  columnOf,
  escapeLike,
  type ListLimits,
  lastValue,
  type Query,
} from './parameters.ts';
import { RECORDER } from './recorder.ts';

// PostgreSQL matches each term against each row, and cannot interrupt one match. So both are limited.
const MAX_LENGTH = 500;
const MAX_WORDS = 20;

/**
 * Returns the terms of a search, split at white space and commas. Quotes keep a phrase together.
 *
 * @throws ValidationFailed for a NUL character, and for too many characters or words
 */
export function searchTerms(
  query: Query,
  { searchLength: maxLength = MAX_LENGTH, searchWords: maxWords = MAX_WORDS }: ListLimits = {},
): readonly string[] {
  const search = lastValue(query, 'search') ?? '';
  if (search.includes('\0')) {
    throw new ValidationFailed({ search: ['Null characters are not allowed.'] });
  }
  if ([...search.slice(0, 2 * maxLength + 1)].length > maxLength) {
    throw new ValidationFailed({
      search: [`Ensure this field has no more than ${maxLength} characters.`],
    });
  }
  const terms = [...search.matchAll(/"([^"]*)"|'([^']*)'|([^\s,]+)/g)]
    .map(([, double, single, bare]) => (double ?? single ?? bare ?? '').trim())
    .filter((term) => term !== '');
  if (terms.length > maxWords) {
    throw new ValidationFailed({ search: [`Ensure this field has no more than ${maxWords} words.`] });
  }
  return terms;
}

function matches(field: string, term: string, columns: Columns): FragmentSqlToken {
  const [, prefix = '', name = ''] = /^([=^]?)(.*)$/.exec(field) ?? [];
  const escaped = escapeLike(term);
  const pattern = prefix === '=' ? escaped : prefix === '^' ? `${escaped}%` : `%${escaped}%`;
  return sql.fragment`${columnOf(columns, name)} ilike ${pattern}`;
}

/**
 * Returns the condition of `?search=`, as Django REST Framework's SearchFilter does: every term
 * occurs in one of the fields, in any case. `^name` matches at the beginning only, `=name` the
 * whole value.
 *
 * @throws ValidationFailed as `searchTerms` does
 */
export function searchFor(
  query: Query,
  fields: readonly string[],
  { columns = {}, limits }: Readonly<{ columns?: Columns; limits?: ListLimits | undefined }> = {},
): FragmentSqlToken {
  query[RECORDER]?.search(fields);
  return allOf(
    searchTerms(query, limits).map((term) => anyOf(fields.map((field) => matches(field, term, columns)))),
  );
}
