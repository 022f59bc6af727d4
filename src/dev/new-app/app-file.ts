import { imports } from './imports.ts';
import type { NewApp } from './layout.ts';
import { namesOf } from './names.ts';

export function appFile({ name, layout }: NewApp): string {
  const { app, model, row } = namesOf(name);
  return `${imports(layout, ['defineApp'], '../..')}${layout.ofEngine ? '' : '\n'}
import { ${row} } from './fields.ts';

export const ${app} = defineApp({
  name: '${name}',
  directory: import.meta.dirname,
  tables: { ${name}: { model: '${model}', fields: ${row} } },
  routes: () => import('./routes.ts'),
});
`;
}

export function fieldsFile({ name, layout }: NewApp): string {
  const { row, Row } = namesOf(name);
  return `${layout.ofEngine ? "import type { z } from 'zod';\n\n" : ''}${imports(
    layout,
    ['datetime', 'id', 'readOnly', 'serializer', 'text'],
    '../..',
  )}${layout.ofEngine ? '' : "\nimport type { z } from 'zod';"}

export const ${row} = serializer(
  {
    id: id(),
    title: text({ max: 200 }),
    created_at: readOnly(datetime()),
  },
  { name: '${Row}' },
);

export type New${Row} = z.output<typeof ${row}.body>;
export type ${Row}Changes = z.output<typeof ${row}.partialBody>;
`;
}
