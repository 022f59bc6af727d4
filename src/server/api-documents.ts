import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

import type { Project } from '../definition/define-project.ts';
import type { ApiDocument } from '../http/middleware/api-document.ts';
import { type AppRouter, createDocument } from '../http/openapi/document.ts';
import type { SchemaKind } from '../tenancy/registry/project.ts';

type Settings = Readonly<Record<string, unknown>>;

/** Maximum documents of a kind that are kept. Tenants with equal settings share one. */
const MAX_KEPT = 50;

/** Returns the OpenAPI document of the hosts of a kind, for these settings. */
export function createProjectDocument(
  { api, security }: Pick<Project, 'api' | 'security'>,
  kind: SchemaKind,
  routers: readonly AppRouter[],
  settings: Settings,
) {
  const { title = 'API', version = '1.0.0', description } = api;
  const info = {
    ...api,
    title: kind === 'site' ? `${title}: public site` : title,
    version,
    description: description ?? (kind === 'site' ? ABOUT_SITE : ABOUT_TENANT),
  };
  return createDocument({ info, routers, security, settings });
}

const COMMON = `Paths end with a slash; without it they work the same. Bodies are JSON or forms. Times are in UTC.

Errors are \`{"field": ["message"]}\` for fields, and \`{"detail": "message", "code": "code"}\` otherwise. Codes are never
renamed. Each path has HEAD if it has GET, and OPTIONS, which describes its fields. A read on another domain of a tenant, or
without HTTPS, may be redirected with 308.`;

const ABOUT_TENANT = `The API of one tenant, on its own host. Tokens and keys are valid on this host only.\n\n${COMMON}`;
const ABOUT_SITE = `The API of the public site. Each tenant has an API on its own host.\n\n${COMMON}`;

/**
 * Returns a function that returns the document for a tenant's settings. A document is created when it is requested for
 * the first time, once for each combination of values of the settings that it depends on.
 */
export function createApiDocuments(
  project: Pick<Project, 'api' | 'security'>,
  kind: SchemaKind,
  routers: readonly AppRouter[],
): (settings: Settings) => ApiDocument {
  const kept = new LRUCache<string, ApiDocument>({ max: MAX_KEPT });
  const read = new Set<string>();
  const keyOf = (settings: Settings): string =>
    JSON.stringify([...read].sort().map((name) => [name, settings[name]]));
  return (settings) => {
    const known = kept.get(keyOf(settings));
    if (known) {
      return known;
    }
    const observed = new Proxy(settings, {
      get: (target, name) => {
        if (typeof name === 'string') {
          read.add(name);
        }
        return Reflect.get(target, name) as unknown;
      },
    });
    const text = JSON.stringify(createProjectDocument(project, kind, routers, observed));
    const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
    const document = { text, etag };
    kept.set(keyOf(settings), document);
    return document;
  };
}
