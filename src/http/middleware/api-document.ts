import { ApiError } from '../../errors.ts';
import type { AppMiddleware } from '../state.ts';

/** An OpenAPI document as it is sent. */
export type ApiDocument = Readonly<{ text: string; etag: string }>;

/** Returns the document of a tenant's API. */
export type ApiDocumentOf = (tenant: AppTenant) => Promise<ApiDocument>;
type AppTenant = Parameters<AppMiddleware>[0]['state']['tenant'];

const PATH = '/api/openapi.json';

/**
 * Serves the OpenAPI document of the host: `GET /api/openapi.json`, without credentials. Clients may store it and must
 * ask whether it has changed.
 *
 * @throws ApiError `method_not_allowed`
 */
export function apiDocument(documentOf: ApiDocumentOf): AppMiddleware {
  return async function apiDocument(ctx, next) {
    if (ctx.path !== PATH && ctx.path !== `${PATH}/`) {
      return next();
    }
    ctx.state.route = PATH;
    ctx.set('Allow', 'GET, HEAD');
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      throw new ApiError('method_not_allowed', `Method "${ctx.method}" not allowed.`);
    }
    const { text, etag } = await documentOf(ctx.state.tenant);
    ctx.set('Cache-Control', 'no-cache');
    ctx.set('ETag', etag);
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    ctx.type = 'application/json';
    ctx.body = text;
  };
}
