import { sql } from 'slonik';
import { z } from 'zod';

import { filtersFor } from '../../http/lists/filters.ts';
import { columnsOf, type List, type PageContext } from '../../http/lists/list.ts';
import { orderingFor } from '../../http/lists/ordering.ts';
import { searchFor } from '../../http/lists/search.ts';
import { type NewProject, type ProjectChanges, project } from './project.ts';

const columns = columnsOf(project.row);

/** Returns the list of projects, with the search, the filters and the order of a request. */
export const projectList = ({ query, state: { limits } }: PageContext): List<typeof project.row> => ({
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

export const selectProject = (id: string) => sql.type(project.row)`
  select ${columns}
  from projects
  where id = ${id}::bigint
`;

/** Selects the same row, locked until the transaction ends. */
export const lockProject = (id: string) => sql.type(project.row)`
  select ${columns}
  from projects
  where id = ${id}::bigint
  for update
`;

export const insertProject = ({ name, description = '' }: NewProject) => sql.type(project.row)`
  insert into projects (name, description)
  values (${name}, ${description})
  returning ${columns}
`;

/** Changes the given fields. Returns the row, or none when it does not exist. */
export const updateProject = (id: string, { name, description }: ProjectChanges) => sql.type(project.row)`
  update projects
  set
    name = coalesce(${name ?? null}::text, name),
    description = coalesce(${description ?? null}::text, description)
  where id = ${id}::bigint
  returning ${columns}
`;

/** Returns the ID of the deleted row, or none when it did not exist. */
export const deleteProject = (id: string) => sql.type(z.object({ id: project.row.shape.id }))`
  delete from projects
  where id = ${id}::bigint
  returning id
`;
