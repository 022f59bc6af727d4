import { ApiError } from '../errors.ts';
import { originOf } from './host.ts';
import type { Context } from './state.ts';

const STANDARD_SIZE = 20;
const LARGEST_SIZE = 100;

/** The page that a query asks for. */
export type PageRequest = Readonly<{ page: number | 'last'; size: number }>;
/** The body of a list with numbered pages. */
export type Page<T> = Readonly<{
  count: number;
  next: string | null;
  previous: string | null;
  results: readonly T[];
}>;

const one = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.at(-1) : value;

const invalidPage = (): ApiError => new ApiError('not_found', 'Invalid page.');

/** Returns the rows of a page: `page_size`. Default: 20, also for an invalid number. Maximum: 100. */
export function pageSize(query: Context['query']): number {
  const size = one(query.page_size) ?? '';
  return /^0*[1-9]\d*$/.test(size) ? Math.min(Number(size), LARGEST_SIZE) : STANDARD_SIZE;
}

/**
 * Returns the requested page: `page`, a number or `last`. Default: 1.
 *
 * @throws ApiError `not_found`, `Invalid page.`
 */
export function pageRequest(query: Context['query']): PageRequest {
  const page = one(query.page) ?? '1';
  if (page !== 'last' && !/^0*[1-9]\d{0,8}$/.test(page)) {
    throw invalidPage();
  }
  return { page: page === 'last' ? 'last' : Number(page), size: pageSize(query) };
}

/** An empty list has one page, the first. */
const lastPage = (count: number, size: number): number => Math.max(1, Math.ceil(count / size));

/** Returns limit and offset of a page of `count` rows. */
export function windowOf({ page, size }: PageRequest, count: number): { limit: number; offset: number } {
  const number = page === 'last' ? lastPage(count, size) : page;
  return { limit: size, offset: (number - 1) * size };
}

/**
 * Returns the envelope of a page, with absolute links on the requested host.
 *
 * @throws ApiError `not_found`, `Invalid page.`, past the end
 */
export function pageOf<T>(
  ctx: Pick<Context, 'protocol' | 'host' | 'path' | 'querystring'>,
  { page, size }: PageRequest,
  { count, rows }: { count: number; rows: readonly T[] },
): Page<T> {
  const last = lastPage(count, size);
  const number = page === 'last' ? last : page;
  if (number > last) {
    throw invalidPage();
  }
  const link = (to: number): string => {
    const query = new URLSearchParams(ctx.querystring);
    if (to === 1) {
      query.delete('page');
    } else {
      query.set('page', String(to));
    }
    const text = query.toString();
    return `${originOf(ctx)}${ctx.path}${text ? `?${text}` : ''}`;
  };
  return {
    count,
    next: number < last ? link(number + 1) : null,
    previous: number > 1 ? link(number - 1) : null,
    results: rows,
  };
}
