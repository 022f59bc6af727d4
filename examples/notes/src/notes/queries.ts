import type { TenantTransaction } from 'koa-tenants';
import { sql } from 'slonik';
import { z } from 'zod';

import { comment, note } from './fields.ts';

// Tables are those of the tenant of the transaction: no query has a condition on the tenant.

export type Note = z.infer<typeof note.row>;
export type Comment = z.infer<typeof comment.row>;
type BlockWindow = Readonly<{ limit: number; offset: number }>;

const counted = sql.type(z.object({ count: z.number() }));

const noteColumns = sql.fragment`id, author_id, title, body, created_at`;
const commentColumns = sql.fragment`id, note_id, author_id, body, created_at`;

/** Notes with the text anywhere in the title or the body, in any case. */
const matches = (search: string) => {
  const pattern = `%${search.replaceAll(/[\\%_]/g, '\\$&')}%`;
  return sql.fragment`(title ilike ${pattern} or body ilike ${pattern})`;
};

export const countNotes = async (tx: TenantTransaction, search: string): Promise<number> =>
  (
    await tx.one(counted`
      select count(*) as count
      from notes
      where ${matches(search)}
    `)
  ).count;

/** Newest first. */
export const listNotes = (
  tx: TenantTransaction,
  search: string,
  { limit, offset }: BlockWindow,
): Promise<readonly Note[]> =>
  tx.any(sql.type(note.row)`
    select ${noteColumns}
    from notes
    where ${matches(search)}
    order by created_at desc, id desc
    limit ${limit}
    offset ${offset}
  `);

export const findNote = (tx: TenantTransaction, id: string): Promise<Note | null> =>
  tx.maybeOne(sql.type(note.row)`
    select ${noteColumns}
    from notes
    where id = ${id}::bigint
  `);

export const insertNote = (
  tx: TenantTransaction,
  authorId: string,
  { title, body }: Pick<Note, 'title' | 'body'>,
): Promise<Note> =>
  tx.one(sql.type(note.row)`
    insert into notes (author_id, title, body)
    values (${authorId}::bigint, ${title}, ${body})
    returning ${noteColumns}
  `);

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
