import { sql } from 'slonik';
import { z } from 'zod';

import type { PageRequest } from '../../http/page.ts';
import type { TenantTransaction } from '../../tenancy/context/with-tenant.ts';

const project = z
  .object({ id: z.number(), name: z.string(), description: z.string(), created_at: z.date() })
  .strict();
/** A row of the page beside the count; an empty page is one row of nulls. */
const listed = z.union([
  project.extend({ count: z.number() }),
  z.object({ count: z.number(), id: z.null(), name: z.null(), description: z.null(), created_at: z.null() }),
]);

export type Project = z.infer<typeof project>;

/** The fields that a list may be ordered by. */
const ORDERS = {
  id: sql.fragment`id asc`,
  '-id': sql.fragment`id desc`,
  name: sql.fragment`name asc`,
  '-name': sql.fragment`name desc`,
  created_at: sql.fragment`created_at asc`,
  '-created_at': sql.fragment`created_at desc`,
} as const;

export type Order = keyof typeof ORDERS;
export const isOrder = (text: string): text is Order => Object.hasOwn(ORDERS, text);

/** Every term stands somewhere in the name or the description, whatever its case. */
const matches = (terms: readonly string[]) =>
  sql.join(
    [
      sql.fragment`true`,
      ...terms.map((term) => {
        const pattern = `%${term.replaceAll(/[\\%_]/g, '\\$&')}%`;
        return sql.fragment`(name ilike ${pattern} or description ilike ${pattern})`;
      }),
    ],
    sql.fragment` and `,
  );

/**
 * One page of the projects that match, and how many match, in one query. The id
 * always orders last, so that no row stands on two pages.
 */
export async function listProjects(
  tx: TenantTransaction,
  { page, size, terms, orders }: PageRequest & { terms: readonly string[]; orders: readonly Order[] },
): Promise<{ count: number; rows: readonly Project[] }> {
  const order = sql.join([...orders.map((name) => ORDERS[name]), sql.fragment`id asc`], sql.fragment`, `);
  const offset =
    page === 'last'
      ? sql.fragment`(select greatest((count - 1) / ${size} * ${size}, 0) from total)`
      : sql.fragment`${(page - 1) * size}::bigint`;
  const rows = await tx.any(sql.type(listed)`
    with total as (
      select count(*) as count
      from projects
      where ${matches(terms)}
    ),
    page as (
      select id, name, description, created_at, row_number() over (order by ${order}) as place
      from projects
      where ${matches(terms)}
      order by ${order}
      limit ${size}
      offset ${offset}
    )
    select total.count, page.id, page.name, page.description, page.created_at
    from total
    left join page on true
    order by page.place
  `);
  return {
    count: rows[0]?.count ?? 0,
    rows: rows.flatMap(({ count: _count, ...row }) => (row.id === null ? [] : [row])),
  };
}

export const findProject = (tx: TenantTransaction, id: string): Promise<Project | null> =>
  tx.maybeOne(sql.type(project)`
    select id, name, description, created_at
    from projects
    where id = ${id}::bigint
  `);

export const insertProject = (
  tx: TenantTransaction,
  { name, description }: Pick<Project, 'name' | 'description'>,
): Promise<Project> =>
  tx.one(sql.type(project)`
    insert into projects (name, description)
    values (${name}, ${description})
    returning id, name, description, created_at
  `);

/** Changes what is given, and answers the row, or null when there is none. */
export const updateProject = (
  tx: TenantTransaction,
  id: string,
  { name, description }: Readonly<{ name?: string | undefined; description?: string | undefined }>,
): Promise<Project | null> =>
  tx.maybeOne(sql.type(project)`
    update projects
    set
      name = coalesce(${name ?? null}::text, name),
      description = coalesce(${description ?? null}::text, description)
    where id = ${id}::bigint
    returning id, name, description, created_at
  `);

/** Whether there was one to delete. */
export async function deleteProject(tx: TenantTransaction, id: string): Promise<boolean> {
  const { rowCount } = await tx.query(sql.type(z.object({}))`
    delete from projects
    where id = ${id}::bigint
  `);
  return rowCount === 1;
}
