import {
  type Context,
  callerOf,
  createRouter,
  DomainError,
  notFound,
  pageOf,
  pageRequest,
  parseIdentifier,
  type RouteDependencies,
  readBody,
  resource,
  windowOf,
} from 'koa-tenants';

import { comment, note } from './fields.ts';
import {
  countNotes,
  deleteNote,
  findNote,
  insertComment,
  insertNote,
  listComments,
  listNotes,
  type Note,
  updateNote,
} from './queries.ts';

/** The note that the path names. */
async function noteOf({ params, state }: Context): Promise<Note> {
  const found = await findNote(state.tx, parseIdentifier(params.id));
  if (!found) {
    throw notFound();
  }
  return found;
}

/** The same, for its author only. */
async function ownNoteOf(ctx: Context): Promise<Note> {
  const found = await noteOf(ctx);
  if (String(found.author_id) !== callerOf(ctx.state).userId) {
    throw new DomainError('permission_denied', 'You do not have permission to perform this action.');
  }
  return found;
}

const searchOf = ({ query }: Context): string => [query.search ?? ''].flat()[0]?.slice(0, 200) ?? '';

export function routes({ stacks }: RouteDependencies) {
  // A user of the tenant is logged in, and ctx.state.tx is a transaction inside the tenant.
  const { authenticated } = stacks.paid;
  const router = createRouter();

  resource(router, '/api/notes', authenticated, {
    GET: async (ctx) => {
      const [request, search] = [pageRequest(ctx.query), searchOf(ctx)];
      const count = await countNotes(ctx.state.tx, search);
      const rows = await listNotes(ctx.state.tx, search, windowOf(request, count));
      ctx.body = pageOf(ctx, request, { count, rows });
    },
    POST: async (ctx) => {
      ctx.body = await insertNote(ctx.state.tx, callerOf(ctx.state).userId, readBody(ctx, note.body));
      ctx.status = 201;
    },
  });

  resource(router, '/api/notes/:id', authenticated, {
    GET: async (ctx) => {
      ctx.body = await noteOf(ctx);
    },
    PATCH: async (ctx) => {
      const { id } = await ownNoteOf(ctx);
      ctx.body = await updateNote(ctx.state.tx, id, readBody(ctx, note.partialBody));
    },
    DELETE: async (ctx) => {
      const { id } = await ownNoteOf(ctx);
      await deleteNote(ctx.state.tx, id);
      ctx.status = 204;
    },
  });

  resource(router, '/api/notes/:id/comments', authenticated, {
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
  });

  return router;
}
