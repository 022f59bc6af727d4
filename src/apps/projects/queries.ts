import { sql } from 'slonik';
import { z } from 'zod';

import { filtersFor } from '../../http/lists/filters.ts';
import { columnsOf, type List, type ListContext } from '../../http/lists/list.ts';
import { numberedPage } from '../../http/lists/numbered-page.ts';
import { orderingFor } from '../../http/lists/ordering.ts';
import { searchFor } from '../../http/lists/search.ts';
import type { Page } from '../../http/page.ts';
import type { TenantTransaction } from '../../tenancy/context/with-tenant.ts';
import { type NewProject, type Project, type ProjectChanges, project } from './project.ts';

const columns = columnsOf(project.row);

const projectList = ({ query, state: { limits } }: ListContext): List<typeof project.row> => ({
  row: project.row,
  from: sql.fragment`projects`,
  where: [
    searchFor(query, ['name', 'description'], { limits }),
    filtersFor(
      query,
      project.fields,
      { name: ['exact', 'in'], created_at: ['gt', 'gte', 'lt', 'lte'] },
      { limits },
    ),
  ],
  order: orderingFor(query, project.fields, { allowed: ['id', 'name', 'created_at'] }),
});

export const listProjects = (ctx: ListContext): Promise<Page<Project>> => numberedPage(ctx, projectList(ctx));

export const findProject = (tx: TenantTransaction, id: string): Promise<Project | null> =>
  tx.maybeOne(sql.type(project.row)`
    select ${columns}
    from projects
    where id = ${id}::bigint
  `);

export const insertProject = (
  tx: TenantTransaction,
  { name, description = '' }: NewProject,
): Promise<Project> =>
  tx.one(sql.type(project.row)`
    insert into projects (name, description)
    values (${name}, ${description})
    returning ${columns}
  `);

/** Changes the given fields. Returns the row, or null when it does not exist. */
export const updateProject = (
  tx: TenantTransaction,
  id: string,
  { name, description }: ProjectChanges,
): Promise<Project | null> =>
  tx.maybeOne(sql.type(project.row)`
    update projects
    set
      name = coalesce(${name ?? null}::text, name),
      description = coalesce(${description ?? null}::text, description)
    where id = ${id}::bigint
    returning ${columns}
  `);

/** Returns the ID of the deleted row, or null when it did not exist. */
export const deleteProject = (tx: TenantTransaction, id: string): Promise<{ id: number } | null> =>
  tx.maybeOne(sql.type(z.object({ id: project.row.shape.id }))`
    delete from projects
    where id = ${id}::bigint
    returning id
  `);
