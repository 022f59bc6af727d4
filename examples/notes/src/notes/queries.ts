import {
  columnsOf,
  filtersFor,
  type List,
  orderingFor,
  type PageContext,
  searchFor,
  type TenantTransaction,
} from 'koa-tenants';
import { sql } from 'slonik';
import { z } from 'zod';

import { comment, note } from './fields.ts';

// Tables are those of the tenant of the transaction: no query has a condition on the tenant.

export type Note = z.infer<typeof note.row>;
export type Comment = z.infer<typeof comment.row>;

const noteColumns = columnsOf(note.row);
const commentColumns = columnsOf(comment.row);

/** Newest first. Clients search, filter and order with the query string. */
export const noteList = ({ query, state: { limits } }: PageContext): List<typeof note.row> => ({
  row: note.row,
  from: sql.fragment`notes`,
  where: [
    searchFor(query, ['title', 'body'], { limits }),
    filtersFor(query, note.fields, { author_id: ['exact'], created_at: ['gte', 'lt'] }),
  ],
  order: orderingFor(query, note.fields, {
    allowed: ['title', 'created_at'],
    standard: ['-created_at'],
  }),
});

export const selectNote = (id: string) => sql.type(note.row)`
  select ${noteColumns}
  from notes
  where id = ${id}::bigint
`;

/** The same, locked until the transaction ends. */
export const lockNote = (id: string) => sql.type(note.row)`
  select ${noteColumns}
  from notes
  where id = ${id}::bigint
  for update
`;

export const insertNote = (authorId: string, { title, body }: z.infer<typeof note.body>) => sql.type(
  note.row,
)`
  insert into notes (author_id, title, body)
  values (${authorId}::bigint, ${title}, ${body})
  returning ${noteColumns}
`;

export const updateNote = (
  tx: TenantTransaction,
  id: number,
  { title, body }: z.infer<typeof note.partialBody>,
): Promise<Note> =>
  tx.one(sql.type(note.row)`
    update notes
    set
      title = coalesce(${title ?? null}, title),
      body = coalesce(${body ?? null}, body)
    where id = ${id}
    returning ${noteColumns}
  `);

export const deleteNote = (tx: TenantTransaction, id: number) =>
  tx.query(sql.type(z.object({}))`
    delete from notes
    where id = ${id}
  `);

export const listComments = (tx: TenantTransaction, noteId: number): Promise<readonly Comment[]> =>
  tx.any(sql.type(comment.row)`
    select ${commentColumns}
    from comments
    where note_id = ${noteId}
    order by id
    limit 100
  `);

export const insertComment = (
  tx: TenantTransaction,
  { noteId, authorId, body }: Readonly<{ noteId: number; authorId: string; body: string }>,
): Promise<Comment> =>
  tx.one(sql.type(comment.row)`
    insert into comments (note_id, author_id, body)
    values (${noteId}, ${authorId}::bigint, ${body})
    returning ${commentColumns}
  `);
