import { datetime, integer, readOnly, relation, serializer, text } from 'koa-tenants';

export const note = serializer({
  id: readOnly(integer()),
  author_id: readOnly(relation()),
  title: text({ max: 200 }),
  body: text({ max: 20_000, blank: true }).default(''),
  created_at: readOnly(datetime()),
});

export const comment = serializer({
  id: readOnly(integer()),
  note_id: readOnly(relation()),
  author_id: readOnly(relation()),
  body: text({ max: 2_000 }),
  created_at: readOnly(datetime()),
});
