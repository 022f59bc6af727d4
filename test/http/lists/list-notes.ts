import { sql } from 'slonik';

import { choice } from '../../../src/http/fields/choice.ts';
import { date, datetime } from '../../../src/http/fields/date.ts';
import { nullable } from '../../../src/http/fields/field.ts';
import { json } from '../../../src/http/fields/json.ts';
import { decimal, integer } from '../../../src/http/fields/number.ts';
import { relation } from '../../../src/http/fields/relation.ts';
import { serializer } from '../../../src/http/fields/serializer.ts';
import { text } from '../../../src/http/fields/text.ts';
import { filtersFor, type Lookup } from '../../../src/http/lists/filters.ts';
import type { List } from '../../../src/http/lists/list.ts';
import { orderingFor } from '../../../src/http/lists/ordering.ts';
import type { Query } from '../../../src/http/lists/parameters.ts';
import { searchFor } from '../../../src/http/lists/search.ts';

export const note = serializer({
  id: relation(),
  name: text(),
  created_at: datetime(),
  author_id: nullable(relation()),
  level: choice(['low', 'high']),
  due_on: nullable(date()),
  amount: nullable(decimal({ digits: 10, places: 3 })),
  name_length: integer(),
  details: json(),
});

const LOOKUPS: readonly Lookup[] = ['exact', 'gt', 'gte', 'lt', 'lte', 'in', 'isnull'];
export const FILTERS = {
  id: LOOKUPS,
  name: [...LOOKUPS, 'icontains'],
  created_at: LOOKUPS,
  author_id: LOOKUPS,
  level: LOOKUPS,
  due_on: LOOKUPS,
  amount: LOOKUPS,
  name_length: LOOKUPS,
} as const;

/** The notes, with the search, the filters and the order of a query string. */
export const listOf = (query: Query): List<typeof note.row> => ({
  row: note.row,
  from: sql.fragment`notes`,
  where: [searchFor(query, ['name', 'description']), filtersFor(query, note.fields, FILTERS)],
  order: orderingFor(query, note.fields, {
    allowed: ['id', 'name', 'created_at', 'level', 'due_on', 'amount', 'author_id'],
  }),
});
