import { datetime, id, readOnly, relation, serializer, text } from 'koa-tenants';

export const note = serializer(
  {
    id: id(),
    author_id: readOnly(relation()),
    title: text({ max: 200 }),
    body: text({ max: 20_000, blank: true }).default(''),
    created_at: readOnly(datetime()),
  },
  { name: 'Note' },
);

export const comment = serializer(
  {
    id: id(),
    note_id: readOnly(relation()),
    author_id: readOnly(relation()),
    body: text({ max: 2_000 }),
    created_at: readOnly(datetime()),
  },
  { name: 'Comment' },
);
