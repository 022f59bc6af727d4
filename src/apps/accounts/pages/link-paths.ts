import { LRUCache } from 'lru-cache';

import type { Context } from '../../../http/state.ts';
import type { Link } from '../mail/links.ts';

type Matcher = Readonly<{ path: RegExp; query: ReadonlyArray<readonly [name: string, parameter: string]> }>;

const matchers = new LRUCache<string, Matcher>({ max: 1_000 });

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Values of links consist of these characters. */
const VALUE = /^[\w-]{1,200}$/;

/** Returns the matcher of a path or link with `{uid}` and `{token}`, such as `reset/{uid}?t={token}`. */
function matcherOf(template: string): Matcher {
  const known = matchers.get(template);
  if (known) {
    return known;
  }
  const [before = '', query = ''] = (template.split('#', 1)[0] ?? '').split('?');
  const pattern = before
    .split(/(\{uid\}|\{token\})/)
    .map((part) =>
      part === '{uid}'
        ? String.raw`(?<uid>[\w-]+)`
        : part === '{token}'
          ? String.raw`(?<token>[\w-]+)`
          : escaped(part),
    )
    .join('');
  const matcher: Matcher = {
    path: new RegExp(`^/${pattern.replace(/\/$/, '')}/?$`),
    query: [...query.matchAll(/([^&=]+)=\{(uid|token)\}/g)].map(
      ([, parameter = '', name = '']) => [name, parameter] as const,
    ),
  };
  matchers.set(template, matcher);
  return matcher;
}

/**
 * Returns the values of a link that the request follows, or null for another path. A template whose values are in the
 * fragment is a page of a front end: browsers do not send a fragment.
 */
export function linkOf(ctx: Pick<Context, 'path' | 'query'>, template: string): Link | null {
  const { path, query } = matcherOf(template);
  const match = path.exec(ctx.path);
  if (!match) {
    return null;
  }
  const values: Record<string, unknown> = { ...match.groups };
  for (const [name, parameter] of query) {
    values[name] = ctx.query[parameter];
  }
  const { uid, token } = values;
  return typeof uid === 'string' && typeof token === 'string' && VALUE.test(uid) && VALUE.test(token)
    ? { uid, token }
    : null;
}
