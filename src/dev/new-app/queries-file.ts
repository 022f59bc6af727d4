import { imports } from './imports.ts';
import type { NewApp } from './layout.ts';
import { namesOf } from './names.ts';

export function queriesFile({ name, layout }: NewApp): string {
  const { row, Row } = namesOf(name);
  const engine = imports(
    layout,
    ['columnsOf', 'type List', 'orderingFor', 'type PageContext', 'searchFor'],
    '../..',
  );
  const libraries = `import { sql } from 'slonik';
import { z } from 'zod';
`;
  return `${layout.ofEngine ? `${libraries}\n${engine}` : `${engine}\n${libraries}`}
import { type New${Row}, type ${Row}Changes, ${row} } from './fields.ts';

const columns = columnsOf(${row}.row);

/** The rows that a request lists, with its search and its order. */
export const ${row}List = ({ query, state: { limits } }: PageContext): List<typeof ${row}.row> => ({
  row: ${row}.row,
  from: sql.fragment\`${name}\`,
  where: [searchFor(query, ['title'], { limits })],
  order: orderingFor(query, ${row}.fields, { allowed: ['title', 'created_at'], standard: ['-created_at'] }),
});

export const select${Row} = (id: string) => sql.type(${row}.row)\`
  select \${columns}
  from ${name}
  where id = \${id}::bigint
\`;

export const insert${Row} = ({ title }: New${Row}) => sql.type(${row}.row)\`
  insert into ${name} (title)
  values (\${title})
  returning \${columns}
\`;

/** Changes the fields that are given. Returns the row, or none when it does not exist. */
export const update${Row} = (id: string, { title }: ${Row}Changes) => sql.type(${row}.row)\`
  update ${name}
  set title = coalesce(\${title ?? null}::text, title)
  where id = \${id}::bigint
  returning \${columns}
\`;

/** Returns the id of the deleted row, or none when it did not exist. */
export const delete${Row} = (id: string) => sql.type(z.object({ id: ${row}.row.shape.id }))\`
  delete from ${name}
  where id = \${id}::bigint
  returning id
\`;
`;
}
