import {
  assertPermitted,
  type Context,
  callerOf,
  createRouter,
  isUser,
  numberedPages,
  orNotFound,
  parseIdentifier,
  type RouteDependencies,
  readBody,
  resource,
  sendCreated,
  single,
} from 'koa-tenants';

import { comment, note } from './fields.ts';
import {
  deleteNote,
  insertComment,
  insertNote,
  listComments,
  lockNote,
  type Note,
  noteList,
  selectNote,
  updateNote,
} from './queries.ts';

/** The note that the path names. */
const noteOf = async ({ params, state }: Context): Promise<Note> =>
  orNotFound(await state.tx.maybeOne(selectNote(parseIdentifier(params.id))));

/** The same, for its author only. */
async function ownNoteOf(ctx: Context): Promise<Note> {
  const found = await noteOf(ctx);
  assertPermitted(ctx, isUser(found.author_id));
  return found;
}

export function routes({ stacks, idempotency }: RouteDependencies) {
  // The caller is a logged-in user of the tenant.
  const { authenticated } = stacks.paid;
  const router = createRouter();

  resource(
    router,
    '/api/notes',
    authenticated,
    {
      GET: numberedPages(noteList),
      POST: single(
        (ctx) => insertNote(callerOf(ctx.state).userId, readBody(ctx, note.body)),
        (ctx, [row]) => sendCreated(ctx, row),
      ),
    },
    // A POST that is repeated with its Idempotency-Key adds one note.
    { fields: note, idempotency },
  );

  resource(
    router,
    '/api/notes/:id',
    authenticated,
    {
      GET: single(
        (ctx) => selectNote(parseIdentifier(ctx.params.id)),
        (ctx, [row]) => {
          ctx.body = orNotFound(row);
        },
      ),
      PATCH: async (ctx) => {
        const { id } = await ownNoteOf(ctx);
        ctx.body = await updateNote(ctx.state.tx, id, readBody(ctx, note.partialBody));
      },
      DELETE: async (ctx) => {
        const { id } = await ownNoteOf(ctx);
        await deleteNote(ctx.state.tx, id);
        ctx.status = 204;
      },
    },
    // With If-Match, a client changes only the version that it has read.
    { fields: note, etag: { current: ({ params }) => lockNote(parseIdentifier(params.id)) } },
  );

  resource(
    router,
    '/api/notes/:id/comments',
    authenticated,
    {
      GET: async (ctx) => {
        const { id } = await noteOf(ctx);
        ctx.body = await listComments(ctx.state.tx, id);
      },
      POST: async (ctx) => {
        const { id } = await noteOf(ctx);
        const { body } = readBody(ctx, comment.body);
        const authorId = callerOf(ctx.state).userId;
        ctx.body = await insertComment(ctx.state.tx, { noteId: id, authorId, body });
        ctx.status = 201;
      },
    },
    { fields: comment },
  );

  return router;
}
